"""Validation, and everything that depends on it, with the averaged weights."""

import keras

from tfmtl.training.averaging import WeightAverage


class AveragedWeights(keras.callbacks.Callback):
    """Puts the averages into the model before validation.

    Args:
        average: the average of the model's weights.
    """

    def __init__(self, average: WeightAverage):
        super().__init__()
        self._average = average

    def on_test_begin(self, logs=None):
        self._average.swap()


class TrainedWeights(keras.callbacks.Callback):
    """Puts the trained weights back once an epoch has been measured; later callbacks see these.

    Args:
        average: the average of the model's weights.
    """

    def __init__(self, average: WeightAverage):
        super().__init__()
        self._average = average

    def on_epoch_end(self, epoch, logs=None):
        self._average.swap()
