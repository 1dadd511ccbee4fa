"""The schedule of the learning rate: a linear rise, then a fall to zero."""

import math

import keras
from keras import ops

_FALLS = {
    "cosine": lambda passed: 0.5 * (1.0 + ops.cos(math.pi * passed)),
    "linear": lambda passed: 1.0 - passed,
    "none": lambda passed: ops.ones_like(passed),
}


@keras.saving.register_keras_serializable("tfmtl")
class WarmupThenDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly from zero to the peak, then falls to zero at the last update.

    Args:
        peak: the highest learning rate.
        updates: the number of updates of the whole training.
        warmup: the share of the updates during which the rate rises.
        decay: the form of the fall: `cosine`, `linear` or `none`.
    """

    def __init__(self, peak: float, updates: int, warmup: float, decay: str):
        self.peak = peak
        self.updates = updates
        self.warmup = warmup
        self.decay = decay

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rise = self.warmup * self.updates
        passed = ops.clip((step - rise) / max(self.updates - rise, 1.0), 0.0, 1.0)
        # The first update has step 0; its rate is already one step up, so that the update is not lost.
        return self.peak * ops.minimum((step + 1.0) / max(rise, 1.0), 1.0) * _FALLS[self.decay](passed)

    def get_config(self):
        return {"peak": self.peak, "updates": self.updates, "warmup": self.warmup, "decay": self.decay}
