"""In training, what heads see of a text without one of its two parts: the encoder's states, or the bag of n-grams."""

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable("tfmtl")
class PartDropout(keras.layers.Layer):
    """Hides a row's states or its bag of n-grams, so that each part learns to answer without the other.

    With a rate of 1 the parts are trained apart, and only added up when serving. Modality dropout (Neverova et al.
    2016, section 3.4), with these differences: never both parts of a row are hidden; what is seen is scaled as in
    dropout, so that its mean is what is seen when serving.

    Args:
        rate: the share of rows that lose one part; half of them lose either.
    """

    def __init__(self, rate: float, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seeds = keras.random.SeedGenerator()

    def call(self, states, ngrams, training=None) -> tuple[KerasTensor, KerasTensor]:
        """Returns both parts, as they came but for the rows that lose one.

        Args:
            states: of the encoder, `[batch, length, hidden]`.
            ngrams: of `NgramBag`, `[batch, size]`.
            training: whether rows lose parts.
        """
        if not training or not self.rate:
            return states, ngrams
        chance = keras.random.uniform([ops.shape(ngrams)[0], 1], seed=self.seeds)
        kept = 1.0 - self.rate / 2
        sees_states = ops.cast(chance < kept, states.dtype) / kept
        sees_ngrams = ops.cast(chance >= 1.0 - kept, ngrams.dtype) / kept
        return states * sees_states[:, None], ngrams * sees_ngrams

    def compute_output_shape(self, states_shape, ngrams_shape):
        return states_shape, ngrams_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}
