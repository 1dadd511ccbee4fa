"""XSum (Narayan et al. 2018, https://arxiv.org/abs/1808.08745)."""

from typing import Any

from tfmtl.core.registry import PRESETS


@PRESETS.register("xsum")
def xsum() -> dict[str, Any]:
    """XSum: a summary of a BBC article in one sentence."""
    return {
        "source": {
            "format": "tfds",
            "name": "xsum",
            "train": "train",
            "validation": "validation",
            "test": "test",
            "empty_text": "skip",
        },
        "task": {"kind": "summarization", "text": "document", "summary": "summary", "max_length": 64},
    }
