"""Compares one model that answers every task from one reading with a model for labels and one for summaries.

    python benchmarks/one_reading.py EXPORT --texts FILE.jsonl [--rows 1 16] [--rounds 10] [--output FILE.json]

Two fine-tuned models of the same size would each read the text, as the signatures `classify` and `summarize` of an
export do, so that their sum is compared with `serving_default`. The signatures take turns on different texts in one
process; times are medians. `--texts` has the texts in its field `text`.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SIGNATURES = ("serving_default", "classify", "summarize")


def seconds(functions: dict[str, Callable], texts: Sequence[str], rows: int, rounds: int) -> dict[str, float]:
    """Returns the median time of each function for a batch of texts, asked in turn; the first round is left out."""
    import tensorflow as tf

    times: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds + 1):
        batch = tf.constant([texts[(number * rows + row) % len(texts)] for row in range(rows)])
        for name, function in functions.items():
            begun = time.perf_counter()
            for value in function(text=batch).values():
                value.numpy()
            times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(of_function[1:]) for name, of_function in times.items()}


def main() -> None:
    """Prints a line for each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("export", type=Path)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf
    import tensorflow_text  # noqa: F401 - registers the ops of the export's tokenizer

    from tfmtl.serving.export.description import newest_version

    loaded = tf.saved_model.load(str(newest_version(arguments.export))).signatures
    texts = [json.loads(line)["text"] for line in arguments.texts.read_text(encoding="utf-8").splitlines()]
    report = []
    for rows in arguments.rows:
        found = seconds({name: loaded[name] for name in SIGNATURES}, texts, rows, arguments.rounds)
        share = found["serving_default"] / (found["classify"] + found["summarize"])
        line = {"rows": rows, **{f"{name}_seconds": round(value, 4) for name, value in found.items()}}
        report.append({**line, "of_two_models": round(share, 3)})
        print(json.dumps(report[-1]), flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
