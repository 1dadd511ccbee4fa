"""CNN / Daily Mail (See et al. 2017, https://arxiv.org/abs/1704.04368)."""

from typing import Any

from tfmtl.core.registry import PRESETS


@PRESETS.register("cnn_dailymail")
def cnn_dailymail() -> dict[str, Any]:
    """CNN / Daily Mail: the highlights of a news article."""
    return {
        "source": {
            "format": "tfds",
            "name": "cnn_dailymail",
            "train": "train",
            "validation": "validation",
            "test": "test",
            "empty_text": "skip",
        },
        "task": {"kind": "summarization", "text": "article", "summary": "highlights", "max_length": 128},
    }
