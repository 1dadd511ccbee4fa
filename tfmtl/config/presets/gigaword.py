"""Gigaword headlines (Rush et al. 2015, https://arxiv.org/abs/1509.00685)."""

from typing import Any

from tfmtl.core.registry import PRESETS


@PRESETS.register("gigaword")
def gigaword() -> dict[str, Any]:
    """Gigaword: a headline for the first sentence of a news article."""
    return {
        "source": {
            "format": "tfds",
            "name": "gigaword",
            "train": "train",
            "validation": "validation",
            "test": "test",
            "empty_text": "skip",
        },
        "task": {"kind": "summarization", "text": "document", "summary": "summary", "max_length": 32},
    }
