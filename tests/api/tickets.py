"""Tables of tickets, and a tiny experiment on them, for `tfmtl.fit`."""

import pandas

MODEL = {
    "encoder": {"layers": 1, "hidden": 16, "heads": 2, "feedforward": 16, "max_length": 32},
    "decoder": {"layers": 1},
}
SECTIONS = {
    "model": MODEL,
    "tokenizer": {"vocabulary_size": 320},
    "training": {"epochs": 1, "batch_size": 16, "generate_examples": 4, "strategy": "none", "learning_rate": 0.01},
    "generation": {"beams": 1},
    "evaluation": {"bootstrap_samples": 100},
}
TASKS = {
    "queue": {"kind": "classification", "text": "body", "label": "queue"},
    "tags": {"kind": "multi_label", "text": "body", "labels": "tags"},
    "title": {"kind": "summarization", "text": "body", "summary": "title", "max_length": 8},
}
THINGS = ["refund", "invoice", "parcel", "courier"]


def table(rows: int, first: int = 0) -> pandas.DataFrame:
    """Each row is about one or two things, which are its tags; every fifth has no tags, every seventh no title."""
    numbers = range(first, first + rows)
    about = [[THINGS[k % 4], *([THINGS[(k + 1) % 4]] if k % 2 else [])] for k in numbers]
    return pandas.DataFrame(
        {
            "body": [
                f"question {k} about the {' and the '.join(each)}" for k, each in zip(numbers, about, strict=True)
            ],
            "queue": ["money" if each[0] in THINGS[:2] else "delivery" for each in about],
            "tags": [None if k % 5 == 4 else each for k, each in zip(numbers, about, strict=True)],
            "title": [None if k % 7 == 6 else each[0] for k, each in zip(numbers, about, strict=True)],
            "unused": 1.5,
        }
    )
