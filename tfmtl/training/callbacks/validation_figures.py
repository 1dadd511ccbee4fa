"""Shows the answers to the validation split as images in TensorBoard, after each epoch."""

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf
from matplotlib.figure import Figure

from tfmtl.training.callbacks.images import image_of
from tfmtl.training.progress import Progress

Figures = Callable[[], Mapping[str, Figure]]
"""Returns the figures of the last measurement, by the tags under which they are shown."""


class ValidationFigures(keras.callbacks.Callback):
    """Writes what kinds draw of answers, such as confusion matrices and reliability diagrams.

    Args:
        writer: the writer of TensorBoard's events about the validation split.
        progress: the progress of the training.
        figures: a function that returns figures of the validation split, answered by the current model.
    """

    def __init__(self, writer: tf.summary.SummaryWriter, progress: Progress, figures: Figures):
        super().__init__()
        self._writer = writer
        self._progress = progress
        self._figures = figures

    def on_epoch_end(self, epoch, logs=None):
        with self._writer.as_default(step=self._progress.update):
            for tag, figure in self._figures().items():
                tf.summary.image(tag, image_of(figure))
