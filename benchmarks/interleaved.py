"""Runs contenders in turn, round after round, so that all of them meet the same disturbances."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
WARM_UP = 2
"""The rounds that trace, compile and fill caches, and are not counted."""


@dataclass
class Contender:
    """One of those that are compared.

    Attributes:
        name: its name in the table.
        module: the module with its `prepare`; see `benchmarks.contender`.
        options: the arguments of `prepare`.
        is_peer: whether it runs in the interpreter of the peers.
        seconds: the wall-clock and CPU seconds of each round that counts.
        absent: why it cannot run here.
    """

    name: str
    module: str
    options: dict = field(default_factory=dict)
    is_peer: bool = False
    seconds: list[list[float]] = field(default_factory=list)
    absent: str = ""

    def row(self) -> dict:
        """Returns the median, the minimum and the maximum of its seconds, and the median of its CPU seconds."""
        if self.absent:
            return {"absent": self.absent}
        wall, cpu = zip(*self.seconds, strict=True)
        numbers = {"seconds": statistics.median(wall), "fastest": min(wall), "slowest": max(wall)}
        return {name: round(value, 4) for name, value in (numbers | {"cpu_seconds": statistics.median(cpu)}).items()}


def in_both_precisions(package: str, modules: Mapping[str, str], sizes: Mapping[str, int]) -> list[Contender]:
    """Returns the contenders of a benchmark in single precision and in bfloat16.

    Args:
        package: the package of their modules.
        modules: the module of each, by its name in the table; those of peers begin with `transformers`.
        sizes: the sizes that all of them have.
    """
    return [
        Contender(
            f"{name}, {precision}",
            f"{package}.{module}",
            {"precision": precision, **sizes},
            is_peer=module.startswith("transformers"),
        )
        for name, module in modules.items()
        for precision in ("float32", "bfloat16")
    ]


def interleave(contenders: Sequence[Contender], rounds: int, threads: int, peers: str) -> None:
    """Measures contenders, which keep their results.

    Args:
        contenders: the contenders.
        rounds: how often each of them is measured.
        threads: the number of threads that each may use.
        peers: the Python interpreter of the peers.
    """
    processes = {}
    for contender in contenders:
        process = _start(contender, threads, peers)
        answer = _answer(process)
        contender.absent = answer.get("absent", "")
        if not contender.absent:
            processes[contender.name] = process
    for turn in range(WARM_UP + rounds):
        for contender in contenders:
            if contender.name in processes:
                seconds = _measured(processes[contender.name])
                contender.seconds += [seconds] if turn >= WARM_UP else []
    for process in processes.values():
        process.stdin.close()
        process.wait()


def _start(contender: Contender, threads: int, peers: str) -> subprocess.Popen:
    limits = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), str(threads))
    interpreter = peers if contender.is_peer else sys.executable
    return subprocess.Popen(
        [interpreter, "-m", "benchmarks.contender", contender.module, json.dumps(contender.options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **limits},
    )


def _measured(process: subprocess.Popen) -> list[float]:
    process.stdin.write("\n")
    process.stdin.flush()
    return _answer(process)


def _answer(process: subprocess.Popen):
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{' '.join(process.args[2:])} ended with {process.wait()}; see its last words above")
    return json.loads(line)
