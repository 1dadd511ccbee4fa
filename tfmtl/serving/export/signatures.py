"""The signatures of an export: the tasks that each answers, its inputs, and its named outputs."""

from collections.abc import Iterable, Mapping

import tensorflow as tf

from tfmtl.core.registry import SIGNATURES
from tfmtl.generation.reader import Reader
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task
from tfmtl.serving.export.served_task import ServedTask

GraphFunction = tf.types.experimental.PolymorphicFunction

ALL_TASKS = "serving_default"
"""The signature that answers every task, which TensorFlow Serving runs if none is named."""

WITHOUT_DECODERS = "classify"
"""The signature that answers every task that needs no decoder."""


def signatures(tasks: Mapping[str, ServedTask]) -> dict[str, tuple[str, ...]]:
    """Returns the names of the signatures and the tasks that each answers.

    They are those of `tfmtl.serving.export.endpoints`, `serving_default` first, and one named after each task. A
    signature that would answer nothing is left out.
    """
    entries = sorted(SIGNATURES, key=lambda entry: entry.name != ALL_TASKS)
    found = {entry.name: entry.build(tasks) for entry in entries} | {name: (name,) for name in tasks}
    return {name: answered for name, answered in found.items() if answered}


def input_specs(tasks: Mapping[str, ServedTask]) -> tuple[tf.TensorSpec, ...]:
    """Returns the inputs, which are the same for every signature of an export, so that one request fits them all.

    `text` is string `[batch]`; `text_pair` is another input if some task reads pairs, empty in rows without a pair.
    """
    names = ("text", "text_pair") if any(task.pair for task in tasks.values()) else ("text",)
    return tuple(tf.TensorSpec([None], tf.string, name=name) for name in names)


def trace(reader: Reader, tasks: Mapping[str, ServedTask], names: Iterable[str]) -> GraphFunction:
    """Returns the graph that answers the tasks `names` of all `tasks`; its arguments are the tensors of `input_specs`.

    Its outputs are those of each task's kind, `<task>_<suffix>`, such as `<task>_label` string `[batch]` and
    `<task>_probabilities` float32 `[batch, classes]`.

    It is not compiled with XLA, whose code would be bound to the kind of device on which it is made, and which does not
    support SentencePiece's ops.
    """
    names = tuple(names)

    def answer(text: tf.Tensor, text_pair: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        # Some pretrained layers cannot read a batch without rows.
        rows = tf.shape(text)[0]
        texts = [_at_least_one(part) for part in (text, text_pair) if part is not None]
        return {
            f"{name}_{suffix}": value[:rows]
            for name, answer in reader.read(names, *texts).items()
            for suffix, value in _outputs(reader.tasks[name], answer).items()
        }

    function = tf.function(answer, input_signature=input_specs(tasks), autograph=False)
    function.get_concrete_function()
    return function


def _outputs(task: Task, answer: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns the part of an answer that clients get."""
    return {suffix: answer[suffix] for suffix in kind_of(task).outputs}


def _at_least_one(texts: tf.Tensor) -> tf.Tensor:
    """Returns texts string `[batch]`, or a single empty one if there are none."""
    return tf.concat([texts, tf.fill([tf.cast(tf.equal(tf.size(texts), 0), tf.int32)], "")], axis=0)
