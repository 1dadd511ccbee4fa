"""Compares the speed of training and answering of two checkouts of the package, in one interleaved run.

    python benchmarks/versions.py BEFORE AFTER CONFIG [--set KEY=VALUE]... [--rounds 3] [--output versions.json]

Both checkouts train the experiment in turn, in separate processes; the speed of a training is the median of the tokens
per second that it wrote for TensorBoard. Then both exports are loaded into one process and asked in turn. Only the
public interface is used, so that versions with different internals can be compared.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

SIDES = ("before", "after")
BATCHES = (1, 16)
SIGNATURES = ("serving_default", "classify", "summarize")


def tfmtl(checkout: Path, *arguments: object) -> None:
    """Runs a command of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "tfmtl.cli", *map(str, arguments)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, cwd=checkout)


def tokens_per_second(run: Path) -> float:
    """Returns the median speed of a training, without its first record, which traces the step."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    # Earlier versions have no folder for the training split alone.
    folder = next(path for path in (run / "tensorboard" / "train", run / "tensorboard") if path.is_dir())
    events = EventAccumulator(str(folder), {"tensors": 0})
    events.Reload()
    import tensorflow as tf

    speeds = [float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors("tokens_per_second")]
    return statistics.median(speeds[1:])


def milliseconds(functions: dict, texts: Sequence[str], rounds: int) -> dict[str, float]:
    """Returns the median time of one request to each function, asked in turn."""
    import tensorflow as tf

    rows, times = tf.constant(texts), {name: [] for name in functions}
    for _ in range(rounds + 2):
        for name, function in functions.items():
            start = time.perf_counter()
            for value in function(text=rows).values():
                value.numpy()
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: round(statistics.median(of_side[2:]), 2) for name, of_side in times.items()}


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("config", type=Path)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    checkouts = dict(zip(SIDES, (arguments.before.resolve(), arguments.after.resolve()), strict=True))
    config, settings = arguments.config.resolve(), [f"--set={setting}" for setting in arguments.settings]
    folder = Path(tempfile.mkdtemp())
    speeds: dict[str, list[float]] = {side: [] for side in SIDES}
    for number in range(arguments.rounds):
        for side, checkout in checkouts.items():
            tfmtl(checkout, "train", config, "--run", folder / f"{side}-{number}", *settings)
            speeds[side].append(round(tokens_per_second(folder / f"{side}-{number}")))
            print(side, speeds[side][-1], "tokens per second", flush=True)
    for side, checkout in checkouts.items():
        tfmtl(checkout, "export", folder / f"{side}-0", "--to", folder / "exports" / side)
    report = {"training_tokens_per_second": speeds, "milliseconds": asked(folder / "exports", arguments.rounds)}
    text = json.dumps(report, indent=1)
    print(text)
    if arguments.output:
        arguments.output.write_text(text + "\n", encoding="utf-8")


def asked(exports: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Returns the median milliseconds of a request, by signature and rows, of both sides."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401 - registers the ops of the exports' tokenizers

    loaded = {side: tf.saved_model.load(str(exports / side / "1")).signatures for side in SIDES}
    text = "Returns the sorted keys of a mapping, or of a list of pairs, in the order in which they were added first."
    return {
        f"{signature}, {rows} rows": milliseconds(
            {side: signatures[signature] for side, signatures in loaded.items()}, [text] * rows, 20 * rounds
        )
        for signature in SIGNATURES
        for rows in BATCHES
    }


if __name__ == "__main__":
    main()
