"""The answer of a task by the words that a language model would say for each label."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import tensorflow as tf
from keras import KerasTensor

from tfmtl.data.special_tokens import PAD_ID
from tfmtl.models.layers.tempered import Tempered

if TYPE_CHECKING:
    from tfmtl.models.writer import Writer


@keras.saving.register_keras_serializable("tfmtl")
class LabelWords(Tempered, keras.layers.Layer):
    """Scores each label by the log-likelihood of its words behind a text, end mark included.

    It learns no weights. The softmax of the scores, divided by the temperature, is the probability of a label among the
    words of all labels. The words of one label are read at a time, so that the keys and values of the texts are not
    repeated for each; an instruction is read once for all of them.

    Args:
        words: for each label, the ids of its words between a start and an end mark.
    """

    common = None
    """It has no head in common with other tasks."""

    def __init__(self, words: Sequence[Sequence[int]], **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.words = [list(ids) for ids in words]
        self.add_temperature()
        self.built = True

    def call(self, context, tokens, writer: "Writer") -> KerasTensor:
        """Returns the scores, float32 `[batch, labels]`.

        Args:
            context: what the trunk's layers keep of the texts.
            tokens: ids of the texts, int32 `[batch, length]`.
            writer: what says the words.
        """
        begun = writer.begin(context, tokens)

        def score(words):
            return writer.say(begun, tokens, tf.broadcast_to(words, [tf.shape(tokens)[0], tf.shape(words)[0]]))

        words = tf.ragged.constant(self.words, tf.int32).to_tensor(PAD_ID)
        # One after the other, because the activations of all of them may not fit in memory.
        scores = tf.map_fn(score, words, fn_output_signature=tf.TensorSpec([None], tf.float32), parallel_iterations=1)
        return tf.transpose(scores)

    def compute_output_spec(self, context, tokens, writer: "Writer") -> KerasTensor:
        return KerasTensor((tokens.shape[0], len(self.words)), "float32")

    def get_config(self):
        return {**super().get_config(), "words": self.words}
