"""SciTLDR (Cachola et al. 2020, https://arxiv.org/abs/2004.15011).

TensorFlow Datasets does not have it: the abstract-only files of its authors (`SciTLDR-A`) are read from `data/scitldr`,
or from wherever the configuration says: `{preset: scitldr, source: {train: ..., validation: ..., test: ...}}`.
"""

from typing import Any

from tfmtl.core.registry import PRESETS


@PRESETS.register("scitldr")
def scitldr() -> dict[str, Any]:
    """SciTLDR: a paper's abstract in one sentence; the test rows have several references."""
    return {
        "source": {
            "format": "jsonl",
            "train": "data/scitldr/train.jsonl",
            "validation": "data/scitldr/dev.jsonl",
            "test": "data/scitldr/test.jsonl",
        },
        "task": {"kind": "summarization", "text": "source", "summary": "target", "max_length": 64},
    }
