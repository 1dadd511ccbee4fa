"""Chooses after each epoch how often rows are drawn from each stream in the next one."""

import logging

import keras
import tensorflow as tf

from tfmtl.training.dynamic_mixing import DynamicMixing, shown
from tfmtl.training.progress import Progress
from tfmtl.training.strategy import of_chief

_logger = logging.getLogger("tfmtl")


class MixingRates(keras.callbacks.Callback):
    """Keeps the rates of the next epoch in the progress, and shows those of the epoch that has ended in TensorBoard.

    It must come after `History`, whose row of the epoch it reads.

    Args:
        mixing: the choice of rates.
        writer: the writer of TensorBoard's events.
        progress: the progress of the training, which keeps the rates.
        epochs: the number of epochs of the training.
    """

    def __init__(self, mixing: DynamicMixing, writer: tf.summary.SummaryWriter, progress: Progress, epochs: int):
        super().__init__()
        self._mixing = mixing
        self._writer = writer
        self._progress = progress
        self._epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        progress = self._progress
        with self._writer.as_default(step=progress.update):
            for stream, rate in progress.rates[-1].items():
                tf.summary.scalar(f"mixing/{stream}", rate)
        if progress.finished or len(progress.history) >= self._epochs:
            return
        rates = self._mixing.next_rates()
        # Workers measure alike, but not to the last bit on different machines, and their plans must be the same.
        agreed = of_chief(tf.distribute.get_strategy(), list(rates.values()))
        progress.rates.append(dict(zip(rates, agreed, strict=True)))
        _logger.info("mixing: the rates of epoch %d are %s", len(progress.rates), shown(progress.rates[-1]))
