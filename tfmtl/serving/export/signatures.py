"""The signatures of an export: which tasks each answers, what goes in, what comes out under which name."""

from collections.abc import Iterable, Mapping

import tensorflow as tf

from tfmtl.core.registry import SIGNATURES
from tfmtl.generation.reader import Reader
from tfmtl.serving.export.served_task import ServedTask

GraphFunction = tf.types.experimental.PolymorphicFunction

ALL_TASKS = "serving_default"
"""The signature that answers every task; the one that TensorFlow Serving runs where none is named."""


def signatures(tasks: Mapping[str, ServedTask]) -> dict[str, tuple[str, ...]]:
    """Returns the names of the signatures and the tasks that each answers.

    Those of `tfmtl.serving.export.endpoints`, `serving_default` first, and one under each task's name. A signature that
    would answer nothing is left out.
    """
    entries = sorted(SIGNATURES, key=lambda entry: entry.name != ALL_TASKS)
    found = {entry.name: entry.build(tasks) for entry in entries} | {name: (name,) for name in tasks}
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
