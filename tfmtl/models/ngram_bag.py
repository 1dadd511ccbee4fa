"""What words and word pairs a text has, whatever their order: a linear shortcut from the text to the heads."""

import keras
from keras import KerasTensor, ops

from tfmtl.models.ngram_ids import ngram_ids, table_rows
from tfmtl.sections import NgramOptions

_SCALE = 8.0


@keras.saving.register_keras_serializable("tfmtl")
class NgramBag(keras.layers.Layer):
    """The sum of learned vectors of a text's pieces and hashed n-grams (Joulin et al. 2017; Weinberger et al. 2009).

    On little data a linear model of n-grams is hard to beat; heads that see its features beside the encoder's states
    (wide and deep, Cheng et al. 2016) need not learn from scratch, through attention, what counting tells.

    Differences from fastText: the vectors of one bag serve all tasks; n-grams are of subword pieces; the sum is
    divided by the square root of the count and not by the count, so that long texts say more; in training n-grams are
    dropped. The sum is multiplied by 8, by which its vectors learn as much faster: most n-grams are met a few times,
    and Adam moves a weight by no more than the learning rate at a time.

    Args:
        options: the options, or a mapping of them.
        vocabulary_size: the tokenizer's; each piece has a vector of its own, only longer n-grams share them.
    """

    def __init__(self, options: NgramOptions | dict, vocabulary_size: int, **kwargs):
        super().__init__(**kwargs)
        self.options = NgramOptions.model_validate(options)
        self.vocabulary_size = vocabulary_size

    def build(self, tokens_shape=None):
        options, policy = self.options, self.dtype_policy
        rows = table_rows(options.order, options.buckets, self.vocabulary_size)
        normal = keras.initializers.RandomNormal(stddev=0.02)
        self.vectors = keras.layers.Embedding(
            rows, options.size, embeddings_initializer=normal, name="vectors", dtype=policy
        )
        self.vectors.build(None)
        self.dropout = keras.layers.Dropout(options.dropout, name="dropout", dtype="float32")

    def call(self, tokens, training=None) -> KerasTensor:
        """Returns float32 `[batch, size]`.

        Args:
            tokens: ids of the source, int32 `[batch, length]`.
            training: whether dropout is on.
        """
        ids, present = ngram_ids(tokens, self.options.order, self.options.buckets, self.vocabulary_size)
        present = ops.cast(present, "float32")
        count = ops.maximum(ops.sum(present, axis=1, keepdims=True), 1.0)
        kept = self.dropout(present, training=training)[:, None, :]
        total = ops.matmul(kept, ops.cast(self.vectors(ids), "float32"))[:, 0]
        return _SCALE * total / ops.sqrt(count)

    def compute_output_shape(self, tokens_shape):
        return (tokens_shape[0], self.options.size)

    def get_config(self):
        return {
            **super().get_config(),
            "options": self.options.model_dump(),
            "vocabulary_size": self.vocabulary_size,
        }
