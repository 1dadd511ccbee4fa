"""The signatures of an export: which tasks each answers, what goes in, what comes out under which name."""

from collections.abc import Iterable, Mapping

import tensorflow as tf
from pydantic import BaseModel, ConfigDict

from tfmtl.core.registry import KINDS
from tfmtl.generation.reader import Reader
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task

GraphFunction = tf.types.experimental.PolymorphicFunction

ALL_TASKS = "serving_default"
"""The signature that answers every task; the one that TensorFlow Serving runs where none is named."""


class ServedTask(BaseModel):
    """What one must know of a task to ask it and to read its answer; an export carries it.

    Attributes:
        kind: of the task.
        pair: whether it reads two texts.
        labels: its label set, in the order of the probabilities; empty where it has none.
        text: the field that it was trained to read, which a table of rows may have.
        text_pair: the second field; without a meaning where it reads one text.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    pair: bool = False
    labels: tuple[str, ...] = ()
    text: str = "text"
    text_pair: str = "text_pair"

    @classmethod
    def of(cls, task: Task) -> "ServedTask":
        fields = {"text": task.text, "text_pair": task.text_pair or "text_pair"}
        return cls(kind=task.kind, pair=task.text_pair is not None, labels=kind_of(task).label_set(task), **fields)

    @property
    def generates(self) -> bool:
        """Whether the answer is written by a decoder."""
        return KINDS.get(self.kind).options.generates


def signatures(tasks: Mapping[str, ServedTask]) -> dict[str, tuple[str, ...]]:
    """Returns the names of the signatures and the tasks that each answers.

    `serving_default` answers every task, `classify` those without a decoder, `summarize` those with one, and there is
    one under each task's name. A signature that would answer nothing is left out.
    """
    written = tuple(name for name, task in tasks.items() if task.generates)
    heads = tuple(name for name in tasks if name not in written)
    found = {ALL_TASKS: tuple(tasks), "classify": heads, "summarize": written, **{name: (name,) for name in tasks}}
    return {name: answered for name, answered in found.items() if answered}


def input_specs(tasks: Mapping[str, ServedTask]) -> tuple[tf.TensorSpec, ...]:
    """Returns the inputs, the same for every signature of an export, so that one request fits them all.

    `text` is string `[batch]`; `text_pair` is another where some task reads pairs, empty in rows that have none.
    """
    names = ("text", "text_pair") if any(task.pair for task in tasks.values()) else ("text",)
    return tuple(tf.TensorSpec([None], tf.string, name=name) for name in names)


def trace(reader: Reader, tasks: Mapping[str, ServedTask], names: Iterable[str]) -> GraphFunction:
    """Returns the graph that answers the tasks `names` of all `tasks`; its arguments are the tensors of `input_specs`.

    Its outputs are those of each task's kind, `<task>_<suffix>`, such as `<task>_label` string `[batch]` and
    `<task>_probabilities` float32 `[batch, classes]`.

    It is not compiled with XLA, whose code would be bound to the kind of device it is made on, and which has none for
    SentencePiece's ops.
    """
    names = tuple(names)

    def answer(text: tf.Tensor, text_pair: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        # Some pretrained layers cannot read a batch of no rows.
        rows = tf.shape(text)[0]
        texts = [_at_least_one(part) for part in (text, text_pair) if part is not None]
        return {
            f"{name}_{suffix}": value[:rows]
            for name, answer in reader.read(names, *texts).items()
            for suffix, value in answer.items()
        }

    function = tf.function(answer, input_signature=input_specs(tasks), autograph=False)
    function.get_concrete_function()
    return function


def _at_least_one(texts: tf.Tensor) -> tf.Tensor:
    """Returns texts string `[batch]`, or an empty one where there are none."""
    return tf.concat([texts, tf.fill([tf.cast(tf.equal(tf.size(texts), 0), tf.int32)], "")], axis=0)
