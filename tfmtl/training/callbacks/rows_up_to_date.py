"""Lets a lazy optimizer catch up before the model is measured and saved."""

import keras

from tfmtl.training.lazy_rows import lazy_optimizer


class RowsUpToDate(keras.callbacks.Callback):
    """Applies what a lazy optimizer has put off; it must be the first callback, before averages are swapped in."""

    def on_test_begin(self, logs=None):
        optimizer = lazy_optimizer(self.model.optimizer)
        if optimizer is not None:
            optimizer.catch_up()
