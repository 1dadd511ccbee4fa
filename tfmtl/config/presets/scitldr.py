"""SciTLDR (Cachola et al. 2020, https://arxiv.org/abs/2004.15011).

TensorFlow Datasets does not include it. The authors' abstract-only files (`SciTLDR-A`) are read from `data/scitldr`, or
from the paths in the configuration: `{preset: scitldr, source: {train: ..., validation: ..., test: ...}}`.
"""

from typing import Any

from tfmtl.core.registry import PRESETS


@PRESETS.register("scitldr")
def scitldr() -> dict[str, Any]:
    """SciTLDR: a summary of a paper's abstract in one sentence; the test rows have several references."""
    return {
        "source": {
            "format": "jsonl",
            "train": "data/scitldr/train.jsonl",
            "validation": "data/scitldr/dev.jsonl",
            "test": "data/scitldr/test.jsonl",
        },
        "task": {"kind": "summarization", "text": "source", "summary": "target", "max_length": 64},
    }
