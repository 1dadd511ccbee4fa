"""The writers of what TensorBoard shows about one training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import tensorflow as tf


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
    def of(cls, folder: Path) -> Self:
        """Returns writers in the folders `train` and `validation` of a folder."""
        return cls(*(tf.summary.create_file_writer(str(folder / part)) for part in ("train", "validation")))

    @classmethod
    def silent(cls) -> Self:
        """Returns writers that write nothing."""
        return cls(tf.summary.create_noop_writer(), tf.summary.create_noop_writer())

    def flush(self) -> None:
        """Makes everything that was written readable."""
        self.train.flush()
        self.validation.flush()
