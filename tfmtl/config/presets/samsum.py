"""SAMSum (Gliwa et al. 2019, https://arxiv.org/abs/1911.12237)."""

from typing import Any

from tfmtl.core.registry import PRESETS


@PRESETS.register("samsum")
def samsum() -> dict[str, Any]:
    """SAMSum: a summary of a messenger dialogue."""
    return {
        "source": {
            "format": "tfds",
            "name": "samsum",
            "train": "train",
            "validation": "validation",
            "test": "test",
            "empty_text": "skip",
        },
        "task": {"kind": "summarization", "text": "dialogue", "summary": "summary", "max_length": 64},
    }
