"""The cost of a run's training and of its model's answers."""

import io
import statistics
import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import tensorflow as tf
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from tfmtl.generation.reader import Reader
from tfmtl.runs.run_folder import RunFolder

_WARM_UP = 3
_WEIGHTS = "model.weights.h5"


@dataclass(frozen=True)
class TrainingCost:
    """The cost of a training, from its TensorBoard events.

    Attributes:
        updates: the number of updates in all stages, each until the end of its last epoch.
        seconds: the running time of its processes, including validation; without pauses between them, and without
            updates lost by an interruption.
        tokens_per_second: the number of tokens that the trunk reads per second, as the median over the training; `None`
            if the training was too short for a record.
        losses: the losses of each task over time, as `(seconds, loss)`.
    """

    updates: int
    seconds: float
    tokens_per_second: float | None
    losses: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


def training_cost(run: RunFolder) -> TrainingCost:
    """Reads the event files of a run's stages; each process of an interrupted training has left one.

    Updates that were lost by an interruption and repeated count once, as they were last made.
    """
    updates, seconds = 0, 0.0
    speeds: list[float] = []
    losses: dict[str, list[tuple[float, float]]] = {}
    for part in run.stages:
        last = 0
        # A run that was trained before there were folders for both splits has its events one level higher.
        folders = (part.tensorboard, part.tensorboard / "train")
        for events in _kept(_by_beginning(folders)):
            for event in events:
                elapsed = event.wall_time - events[0].wall_time
                for tag, value in _scalars(event):
                    if tag == "tokens_per_second":
                        speeds.append(value)
                    elif tag.startswith("loss/"):
                        losses.setdefault(tag.removeprefix("loss/"), []).append((seconds + elapsed, value))
                    elif tag == "epoch/loss":
                        last = max(last, event.step)
            seconds += elapsed
        updates += last
    return TrainingCost(updates, seconds, statistics.median(speeds) if speeds else None, losses)


def _by_beginning(folders: Iterable[Path]) -> list[list]:
    """Returns the events of each file in order of time, which file names within one second do not give."""
    paths = (path for folder in folders for path in folder.glob("events.out.tfevents.*"))
    files = [list(EventFileLoader(str(path)).Load()) for path in paths]
    # TensorFlow dates the first event of a file to the second, the next one exactly.
    return sorted(filter(None, files), key=lambda events: [event.wall_time for event in events[:2]])


def _kept(files: Sequence[Sequence]) -> list[list]:
    """Returns the events without those of updates that a later process repeated."""
    kept, limit = [], float("inf")
    for events in reversed(files):
        kept.append([event for event in events if event.step < limit])
        limit = min([limit, *(event.step for event in events if any(_scalars(event)))])
    return kept[::-1]


def _scalars(event) -> Iterator[tuple[str, float]]:
    for value in event.summary.value:
        if value.metadata.plugin_data.plugin_name == "scalars":
            yield value.tag, float(tf.make_ndarray(value.tensor))


def parameters(model: Path) -> int:
    """Returns the number of parameters of a saved Keras model."""
    total = 0

    def count(name: str, item) -> None:
        nonlocal total
        # The states of random generators are whole numbers.
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            total += item.size

    with zipfile.ZipFile(model) as archive, h5py.File(io.BytesIO(archive.read(_WEIGHTS))) as weights:
        weights.visititems(count)
    return total


def milliseconds_per_text(reader: Reader, texts: Sequence[str]) -> float:
    """Returns the median time to answer every task about one text, which is given as a string."""
    names = tuple(reader.tasks)

    def answer(text: tf.Tensor) -> dict[str, dict[str, tf.Tensor]]:
        return reader.read(names, text, text)

    function = tf.function(answer, [tf.TensorSpec([None], tf.string)], autograph=False)
    times = []
    for text in texts:
        row = tf.constant(np.array([text.encode("utf-8", "replace")], object), tf.string)
        start = time.perf_counter()
        for value in tf.nest.flatten(function(row)):
            value.numpy()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[_WARM_UP:] or times)
