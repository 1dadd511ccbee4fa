"""Compares the cost of one request for labels and summary with that of two requests, by the size of the encoder.

    python benchmarks/one_request.py --texts FILE.jsonl --output FILE.json [--rounds 30] [--sizes SIZE...]

For each size, a model is trained for two updates, since speed does not depend on its quality, exported and served. The
texts are as long as the encoder can read. Such a model rarely ends its summaries early, so each is about as long as
allowed: the worst case for one request. Each size is measured with beam search and with greedy search.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from serving import together

import tfmtl
from tfmtl.config.experiment import parse
from tfmtl.core.atomic_write import atomic_write
from tfmtl.serving.export.warmup import WARMUP_FILE

ROWS = 16
SIZES = {
    "small": {"layers": 2, "hidden": 128, "heads": 4, "feedforward": 512, "max_length": 128},
    "arxiv": {"layers": 3, "hidden": 256, "heads": 4, "feedforward": 1024, "max_length": 208},
    "medium": {"layers": 6, "hidden": 384, "heads": 6, "feedforward": 1536, "max_length": 512},
    "base, as BERT": {"layers": 12, "hidden": 768, "heads": 12, "feedforward": 3072, "max_length": 512},
}


def export(folder: Path, texts: Sequence[str], encoder: dict, beams: int) -> Path:
    """Returns the export of a model with such an encoder and a decoder of one layer."""
    rows = [{"text": text, "label": str(row % 2), "summary": text[:60]} for row, text in enumerate(texts)]
    splits = {"train": rows[:ROWS], "validation": rows[:4], "test": rows[:4]}
    for split, chosen in splits.items():
        lines = (json.dumps(row) + "\n" for row in chosen)
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    experiment = parse(
        {
            "name": "size",
            "sources": {"texts": {"format": "jsonl", **{split: str(folder / f"{split}.jsonl") for split in splits}}},
            "tasks": {
                "label": {"kind": "classification", "source": "texts"},
                "summary": {"kind": "summarization", "source": "texts", "max_length": 24},
            },
            "tokenizer": {"type": "sentencepiece", "vocabulary_size": 2000},
            "model": {"encoder": {"type": "transformer", **encoder}, "decoder": {"layers": 1}},
            "training": {"epochs": 1, "batch_size": ROWS // 2, "strategy": "none"},
            "generation": {"beams": beams},
            "evaluation": {"bootstrap_samples": 100},
        }
    )
    version = tfmtl.export(tfmtl.train(experiment, folder / "run"), folder / "export")
    # Warming up the largest encoder with the largest batches takes a server minutes, and nothing is batched here.
    (version / WARMUP_FILE).unlink()
    return version.parent


def main() -> None:
    """Writes milliseconds by size and search as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--texts", type=Path, required=True, help="JSON lines with 'text', a thousand or more")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    arguments = parser.parse_args()
    lines = arguments.texts.read_text(encoding="utf-8").splitlines()
    # Joined, so that each text is longer than the largest encoder can read.
    words = " ".join(json.loads(line)["text"] for line in lines).split()
    texts = [" ".join(words[start : start + 600]) for start in range(0, len(words) - 600, 600)]
    report = []
    for size in arguments.sizes:
        for beams in (4, 1):
            with tempfile.TemporaryDirectory() as folder:
                measured = together(export(Path(folder), texts, SIZES[size], beams), texts, arguments.rounds)
            report.append({"encoder": size, "beams": beams, **measured})
            print(report[-1], flush=True)
            with atomic_write(arguments.output) as aside:
                aside.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
