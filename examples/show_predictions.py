"""Prints a run's answers to a few rows of the test split, with the true answers.

python examples/show_predictions.py RUN [ROWS]
"""

import json
import sys
from typing import Any

import numpy as np

import tfmtl

TEXT_START = 300


def as_line(prediction: dict[str, Any]) -> str:
    """Returns an answer without its details, such as the probabilities of all labels."""
    return ", ".join(
        json.dumps(value, ensure_ascii=False) for value in prediction.values() if not isinstance(value, dict)
    )


def main(folder: str, count: int = 5) -> None:
    """Shows `count` evenly spread texts of the test split of the run in `folder`."""
    answers = tfmtl.RunFolder.open(folder).answers("test")
    if not answers.is_file():
        raise tfmtl.UserError(f"{answers}: missing; evaluate the run first")
    texts: dict[str, list[dict]] = {}
    with open(answers, encoding="utf-8") as lines:
        for answer in map(json.loads, lines):
            texts.setdefault(answer["text"], []).append(answer)
    chosen = np.unique(np.linspace(0, len(texts) - 1, num=min(count, len(texts))).astype(int))
    for text in [list(texts)[index] for index in chosen]:
        start = " ".join(text.split())[:TEXT_START]
        print(f"\n{start}{'...' if len(text) > TEXT_START else ''}")
        for answer in texts[text]:
            print(f"{answer['task']}: {as_line(answer['prediction'])}")
            print(f"  true: {json.dumps(answer['target'], ensure_ascii=False)}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        main(sys.argv[1], *map(int, sys.argv[2:]))
    except tfmtl.UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
