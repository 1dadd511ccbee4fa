"""The answers of all tasks from one reading of texts, for evaluation, prediction and serving alike."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import tensorflow as tf

from tfmtl.config.options import GenerationOptions
from tfmtl.core.errors import DataError
from tfmtl.data.packing import Packing
from tfmtl.data.special_tokens import PAD_ID
from tfmtl.data.tokenized import pack_units
from tfmtl.data.units import Units, UnitsOfBatch
from tfmtl.data.units_by_task import units_by_task
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
        units: the units by which the texts of each task are read, by its name; `None` if they are read as a whole.
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
        self.units = units_by_task(tasks.values())
        self._encode = _traced_once(self._encoded)
        self._answers = {
            name: _traced_once(partial(self._written if task.generates else self._said, name))
            for name, task in self.tasks.items()
        }

    def read(
        self, names: Iterable[str], text: tf.Tensor, text_pair: tf.Tensor | None = None
    ) -> dict[str, dict[str, tf.Tensor]]:
        """Answers the tasks `names` about texts; tasks that read pairs get the pairs, the others the first texts.

        The trunk runs once for all tasks that read the same texts by the same units.

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
        answers = {}
        for (is_pair, units), members in tasks_by_reading(self.tasks, self.units, names).items():
            texts = (text, text_pair) if is_pair else (text,)
            packed = (self.pack(*texts),) if units is None else self.pack_units(units, *texts)
            answers |= self.answer(members, *packed)
        return {name: answers[name] for name in names}

    def pack(self, text: tf.Tensor, text_pair: tf.Tensor | None = None) -> tf.Tensor:
        """Returns tokens int32 `[batch, length]`, padded to the longest row, of texts string `[batch]` or of pairs."""
        tokens = self.tokenizer.tokenize(text)
        if text_pair is None:
            packed = self.packing.text(tokens)
        else:
            packed = self.packing.pair(tokens, self.tokenizer.tokenize(text_pair))
        return packed.to_tensor(PAD_ID)

    def pack_units(self, units: Units, *texts: tf.Tensor) -> tuple[tf.Tensor, UnitsOfBatch]:
        """Returns the same for texts of which the last is read by `units`, one row for each window, with the units."""
        tokens, numbers, windows = pack_units(self.tokenizer, units, self.packing, *texts)
        rows = tf.cast(windows.value_rowids(), tf.int32)
        return tokens.to_tensor(PAD_ID), UnitsOfBatch(numbers.to_tensor(0), rows, texts[-1])

    def answer(
        self, names: Iterable[str], tokens: tf.Tensor, read: UnitsOfBatch | None = None
    ) -> dict[str, dict[str, tf.Tensor]]:
        """Answers the tasks `names` about packed rows int32 `[batch, length]`; the trunk runs once.

        Args:
            names: the names of the tasks.
            tokens: the packed rows.
            read: the units of the texts, whose windows the rows are; `None` if they are read as a whole.

        Returns:
            By task, the outputs of its kind `[batch, ...]` by their suffixes.
        """
        encoded, linear = self._encode(tokens)
        return {name: self._answers[name](*_of_task(name, encoded, linear), read) for name in names}

    def _encoded(self, tokens: tf.Tensor) -> tuple[Encoded, dict[str, tf.Tensor]]:
        """Returns the encoded texts, and the scores of the linear experts of the tasks that have one."""
        network = self.model.network
        return network.encode(tokens), network.linear_scores(tokens)

    def _said(
        self, name: str, encoded: Encoded, linear: dict[str, tf.Tensor], read: UnitsOfBatch | None
    ) -> dict[str, tf.Tensor]:
        task, head = self.tasks[name], self.model.network.layers.heads[name]
        if kind_of(task).units is None:
            said = self.model.network.answer(name, *_of_first_windows(encoded, linear, read))
            return kind_of(task).answer(task, said, head)
        return kind_of(task).unit_answer(task, self.model.network.answer(name, encoded, linear), head, read)

    def _written(
        self, name: str, encoded: Encoded, linear: dict[str, tf.Tensor], read: UnitsOfBatch | None
    ) -> dict[str, tf.Tensor]:
        task = self.tasks[name]
        encoded, _ = _of_first_windows(encoded, linear, read)
        max_length = kind_of(task).target_length(task, self.packing.longest)
        sequences = write(self.model.network, name, encoded, max_length, self.generation)
        texts = self.tokenizer.detokenize(sequences.tokens)
        return kind_of(task).answer(task, texts, self.model.network.layers.heads[name])


def tasks_by_reading(
    tasks: Mapping[str, Task], units: Mapping[str, Units | None], names: Iterable[str]
) -> dict[tuple[bool, Units | None], list[str]]:
    """Returns the names of tasks by what they read: whether pairs, and by which units.

    Args:
        tasks: the tasks, by name.
        units: the units by which the texts of each task are read.
        names: the names of the tasks to return.
    """
    groups: dict[tuple[bool, Units | None], list[str]] = {}
    for name in names:
        groups.setdefault((tasks[name].text_pair is not None, units[name]), []).append(name)
    return groups


def _of_task(name: str, encoded: Encoded, linear: dict[str, tf.Tensor]) -> tuple[Encoded, dict[str, tf.Tensor]]:
    """Returns the part of the encoded texts and of the linear scores that concerns one task."""
    of_task = {name: linear[name]} if name in linear else {}
    return encoded._replace(states={name: encoded.states[name]}), of_task


def _of_first_windows(
    encoded: Encoded, linear: dict[str, tf.Tensor], read: UnitsOfBatch | None
) -> tuple[Encoded, dict[str, tf.Tensor]]:
    """Returns what a task reads that answers about a text as a whole: the first window of each text."""
    if read is None:
        return encoded, linear
    first = read.first_windows()
    return tf.nest.map_structure(lambda values: tf.gather(values, first), (encoded, linear))


def _traced_once(function: Callable) -> tf.types.experimental.PolymorphicFunction:
    return tf.function(function, autograph=False, reduce_retracing=True)
