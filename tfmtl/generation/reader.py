"""The answers of all tasks from one reading of texts, for evaluation, prediction and serving alike."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import tensorflow as tf

from tfmtl.config.options import GenerationOptions
from tfmtl.core.errors import DataError
from tfmtl.data.packing import Packing
from tfmtl.data.special_tokens import PAD_ID
from tfmtl.generation.write import write
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task, answered
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.models.network import Encoded


class Reader:
    """A trained model with its tokenizer; every method is graph code.

    The reading and each task's answer are traced once, however many functions call them: the graphs of all signatures
    of an export share these, which saves time and space.

    Attributes:
        model: the model, which was built by `tfmtl.models.build` or loaded.
        tasks: the tasks that are answered, with their label sets.
        tokenizer: a tokenizer of `tfmtl.data.tokenizers`.
        packing: how tokens become rows.
        generation: the options of generation.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        tasks: Mapping[str, Task],
        tokenizer,
        packing: Packing,
        generation: GenerationOptions,
    ):
        self.model = model
        self.tasks = answered(tasks)
        self.tokenizer = tokenizer
        self.packing = packing
        self.generation = generation
        self._encode = _traced_once(self._encoded)
        self._answers = {
            name: _traced_once(partial(self._written if task.generates else self._said, name))
            for name, task in self.tasks.items()
        }

    def read(
        self, names: Iterable[str], text: tf.Tensor, text_pair: tf.Tensor | None = None
    ) -> dict[str, dict[str, tf.Tensor]]:
        """Answers the tasks `names` about texts; tasks that read pairs get the pairs, the others the first texts.

        Args:
            names: the names of the tasks.
            text: string `[batch]`.
            text_pair: string `[batch]`; required if one of the tasks reads pairs.

        Returns:
            The same as `answer`.

        Raises:
            DataError: if a task reads pairs and there are none.
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
        """Returns tokens int32 `[batch, length]`, padded to the longest row, of texts string `[batch]` or of pairs."""
        tokens = self.tokenizer.tokenize(text)
        if text_pair is None:
            packed = self.packing.text(tokens)
        else:
            packed = self.packing.pair(tokens, self.tokenizer.tokenize(text_pair))
        return packed.to_tensor(PAD_ID)

    def answer(self, names: Iterable[str], tokens: tf.Tensor) -> dict[str, dict[str, tf.Tensor]]:
        """Answers the tasks `names` about packed rows int32 `[batch, length]`; the trunk runs once.

        Returns:
            By task, the outputs of its kind `[batch, ...]` by their suffixes.
        """
        encoded, linear = self._encode(tokens)
        return {name: self._answers[name](*_of_task(name, encoded, linear)) for name in names}

    def _encoded(self, tokens: tf.Tensor) -> tuple[Encoded, dict[str, tf.Tensor]]:
        """Returns the encoded texts, and the scores of the linear experts of the tasks that have one."""
        network = self.model.network
        return network.encode(tokens), network.linear_scores(tokens)

    def _said(self, name: str, encoded: Encoded, linear: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return self._as_answer(name, self.model.network.answer(name, encoded, linear))

    def _written(self, name: str, encoded: Encoded, linear: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        task = self.tasks[name]
        max_length = kind_of(task).target_length(task, self.packing.longest)
        sequences = write(self.model.network, name, encoded, max_length, self.generation)
        return self._as_answer(name, self.tokenizer.detokenize(sequences.tokens))

    def _as_answer(self, name: str, said: tf.Tensor) -> dict[str, tf.Tensor]:
        task = self.tasks[name]
        return kind_of(task).answer(task, said, self.model.network.layers.heads[name])


def _of_task(name: str, encoded: Encoded, linear: dict[str, tf.Tensor]) -> tuple[Encoded, dict[str, tf.Tensor]]:
    """Returns the part of the encoded texts and of the linear scores that concerns one task."""
    of_task = {name: linear[name]} if name in linear else {}
    return encoded._replace(states={name: encoded.states[name]}), of_task


def _traced_once(function: Callable) -> tf.types.experimental.PolymorphicFunction:
    return tf.function(function, autograph=False, reduce_retracing=True)
