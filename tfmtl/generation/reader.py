"""Answers all questions about texts from one reading of them: what evaluation, prediction and serving share."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import keras
import tensorflow as tf

from tfmtl.config.options import GenerationOptions
from tfmtl.core.errors import DataError
from tfmtl.data.packing import pack_pair, pack_text
from tfmtl.data.special_tokens import PAD_ID
from tfmtl.generation.decoding import write_summaries
from tfmtl.kinds.task import Task, answered
from tfmtl.models.builder import LOGIT_AVERAGE, linear_scores
from tfmtl.models.task_heads import logits


class Reader:
    """A trained model with its tokenizer; every method is graph code.

    The encoder and each task's answer are traced once, whatever number of functions call them: the graphs of all
    signatures of an export share these, which takes less time and room.

    Attributes:
        model: of `tfmtl.models.builder`, or loaded.
        tasks: that are answered, with their label sets.
        tokenizer: of `tfmtl.data.tokenizers`.
        max_length: the most ids of a text.
        generation: how summaries are written.
    """

    def __init__(
        self,
        model: keras.Model,
        tasks: Mapping[str, Task],
        tokenizer,
        max_length: int,
        generation: GenerationOptions,
    ):
        self.model = model
        self.tasks = answered(tasks)
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.generation = generation
        self._encode = _traced_once(self._encoded)
        self._answers = {
            name: _traced_once(partial(_ANSWERS[task.kind], self, name)) for name, task in self.tasks.items()
        }

    def read(self, names: Iterable[str], text: tf.Tensor, text_pair: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Answers the tasks `names` about texts; tasks that read pairs get the pairs, the others the first texts.

        Args:
            names: of tasks.
            text: string `[batch]`.
            text_pair: string `[batch]`; needed where one of the tasks reads pairs.

        Returns:
            As `answer`.

        Raises:
            DataError: where a task reads pairs and there are none.
        """
        names = list(names)
        of_pairs = [name for name in names if self.tasks[name].text_pair]
        if of_pairs and text_pair is None:
            raise DataError(f"task '{of_pairs[0]}' reads pairs of texts: 'text_pair' is required")
        of_texts = [name for name in names if not self.tasks[name].text_pair]
        answers = {}
        if of_texts:
            answers |= self.answer(of_texts, self.pack(text))
        if of_pairs:
            answers |= self.answer(of_pairs, self.pack(text, text_pair))
        return {name: answers[name] for name in names}

    def pack(self, text: tf.Tensor, text_pair: tf.Tensor | None = None) -> tf.Tensor:
        """Returns ids int32 `[batch, length]`, padded to the longest row, of texts string `[batch]` or of pairs."""
        pieces = self.tokenizer.tokenize(text)
        if text_pair is None:
            packed = pack_text(pieces, self.max_length)
        else:
            packed = pack_pair(pieces, self.tokenizer.tokenize(text_pair), self.max_length)
        return packed.to_tensor(PAD_ID)

    def answer(self, names: Iterable[str], tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers the tasks `names` about packed rows int32 `[batch, length]`; the encoder runs once.

        Returns:
            By task: probabilities float32 `[batch, classes]`, scores float32 `[batch]` or summaries string `[batch]`.
        """
        views, linear = self._encode(tokens)
        return {name: self._answers[name](views[name], tokens, linear.get(name, [])) for name in names}

    def _encoded(self, tokens: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, list[tf.Tensor]]]:
        """Returns each task's view of the states, and what linear experts say where tasks have them."""
        states = self.model.get_layer("encoder")(self.model.get_layer("embedding")(tokens), tokens)
        linear = {name: [scores] for name, scores in linear_scores(self.model, tokens).items()}
        return self.model.get_layer("sharing")(states, tokens), linear

    def _probabilities(self, name: str, states: tf.Tensor, tokens: tf.Tensor, linear: list[tf.Tensor]) -> tf.Tensor:
        return tf.nn.softmax(self._score(name, states, tokens, linear))

    def _score(self, name: str, states: tf.Tensor, tokens: tf.Tensor, linear: list[tf.Tensor]) -> tf.Tensor:
        said = logits(self.model, name, self.model.get_layer("encoder").last_states(states), tokens)
        return self.model.get_layer(LOGIT_AVERAGE)(said, *linear) if linear else said

    def _summary(self, name: str, states: tf.Tensor, tokens: tf.Tensor, linear: list[tf.Tensor]) -> tf.Tensor:
        sequences = write_summaries(self.model, self.tasks[name], states, tokens, self.generation)
        return self.tokenizer.detokenize(sequences.tokens)


def _traced_once(function: Callable) -> tf.types.experimental.PolymorphicFunction:
    return tf.function(function, autograph=False, reduce_retracing=True)


_ANSWERS = {
    "classification": Reader._probabilities,
    "regression": Reader._score,
    "summarization": Reader._summary,
}
