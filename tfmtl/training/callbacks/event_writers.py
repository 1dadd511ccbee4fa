"""The writers of what TensorBoard shows about one training."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import tensorflow as tf
from tensorflow.core.util import event_pb2

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.errors import RunError, reason_of


@dataclass(frozen=True)
class EventWriters:
    """Writers in two folders, whose curves of the same name TensorBoard shows in one chart, as with Keras' callback.

    Attributes:
        train: the writer of what is measured on the training split.
        validation: the writer of what is measured on the validation split.
    """

    train: tf.summary.SummaryWriter
    validation: tf.summary.SummaryWriter

    @classmethod
    def of(cls, folder: Path, update: int = 0) -> Self:
        """Returns writers in the folders `train` and `validation` of a folder.

        Args:
            folder: the folder.
            update: the number of updates of the training so far. What an interrupted training has recorded after it is
                removed, because these updates are made again.
        """
        folders = [folder / part for part in ("train", "validation")]
        for part in folders:
            for path in part.glob("events.out.tfevents.*"):
                _remove_after(path, update)
        return cls(*(tf.summary.create_file_writer(str(part)) for part in folders))

    @classmethod
    def silent(cls) -> Self:
        """Returns writers that write nothing."""
        return cls(tf.summary.create_noop_writer(), tf.summary.create_noop_writer())

    def flush(self) -> None:
        """Makes everything that was written readable.

        Raises:
            RunError: if it cannot be written.
        """
        try:
            self.train.flush()
            self.validation.flush()
        except tf.errors.OpError as error:
            raise RunError(f"the events for TensorBoard cannot be written: {reason_of(error)}") from None


def _remove_after(path: Path, update: int) -> None:
    """Removes the events after an update from a file."""
    events = list(_events(path))
    kept = [event for event in events if event_pb2.Event.FromString(event).step <= update]
    if len(kept) < len(events):
        with atomic_write(path) as aside, tf.io.TFRecordWriter(str(aside)) as writer:
            for event in kept:
                writer.write(event)


def _events(path: Path) -> Iterator[bytes]:
    """Yields the events of a file, up to the one in which a process that was killed has left it."""
    with contextlib.suppress(tf.errors.DataLossError):
        yield from tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
