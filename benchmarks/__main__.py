"""Measures tfmtl beside its peers, in one run: `python -m benchmarks train|finetune [--json FILE]`.

Contenders take turns on the same machine with equal shapes and threads; reported are medians and extremes, and the
share of the machine's own rate of large matrix products that was measured between their turns. A peer that is not
installed has a row that says so; `pip install -e .[bench]` installs them all, or `--peers PYTHON` names an interpreter
that has them.
"""

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

from benchmarks.interleaved import Contender, interleave
from tfmtl.core.atomic_write import atomic_write

BENCHMARKS = ("train", "finetune")
SIDE, TIMES = 2048, 8
"""The size of the matrices whose products are the ceiling, and how many of them are measured together."""


def main() -> None:
    """Prints a table, and writes the numbers as JSON if asked."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__.split("\n")[0])
    parser.add_argument("benchmark", choices=BENCHMARKS)
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    parser.add_argument("--rounds", type=int, default=11, help="how often each contender is measured")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="the threads of each contender")
    parser.add_argument("--peers", default=sys.executable, help="the Python interpreter with PyTorch and Transformers")
    arguments = parser.parse_args()
    benchmark = importlib.import_module(f"benchmarks.{arguments.benchmark}")
    contenders = benchmark.contenders()
    ceilings = [
        Contender(precision, "benchmarks.ceiling", {"precision": precision, "side": SIDE, "times": TIMES})
        for precision in ("float32", "bfloat16")
    ]
    interleave([*ceilings, *contenders], arguments.rounds, arguments.threads, arguments.peers)
    report = _report(contenders, ceilings, benchmark.gigaflops())
    print(_table(report))
    if arguments.json:
        with atomic_write(arguments.json) as aside:
            aside.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _report(contenders: list[Contender], ceilings: list[Contender], gigaflops: float) -> dict:
    """Returns the numbers of all contenders, with their rates and the shares of the ceilings of their precisions."""
    rates = {each.options["precision"]: 2e-9 * TIMES * SIDE**3 / each.row()["seconds"] for each in ceilings}
    rows = {}
    for contender in contenders:
        row = contender.row()
        if "seconds" in row:
            rate = gigaflops / row["seconds"]
            share = rate / rates[contender.options["precision"]]
            row |= {"gigaflops_per_second": round(rate, 1), "share_of_ceiling": round(share, 3)}
        rows[contender.name] = row
    return {
        "gigaflops": round(gigaflops, 1),
        "ceiling_gigaflops_per_second": {name: round(rate, 1) for name, rate in rates.items()},
        "contenders": rows,
    }


def _table(report: dict) -> str:
    lines = [f"{report['gigaflops']} GFLOP; ceilings in GFLOP/s: {report['ceiling_gigaflops_per_second']}", ""]
    lines += ["| | seconds | fastest to slowest | CPU seconds | of the ceiling |", "| --- | --- | --- | --- | --- |"]
    for name, row in report["contenders"].items():
        if "absent" in row:
            lines.append(f"| {name} | absent: {row['absent']} | | | |")
            continue
        extremes = f"{row['fastest']} to {row['slowest']}"
        lines.append(
            f"| {name} | {row['seconds']} | {extremes} | {row['cpu_seconds']} | {row['share_of_ceiling']:.0%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
