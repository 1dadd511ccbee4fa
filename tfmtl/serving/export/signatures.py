"""The signatures of an export: which tasks each answers, what goes in, what comes out under which name."""

from collections.abc import Callable, Iterable, Mapping

import tensorflow as tf
from pydantic import BaseModel, ConfigDict

from tfmtl.generation.reader import Reader
from tfmtl.kinds.task import Task

GraphFunction = tf.types.experimental.PolymorphicFunction

ALL_TASKS = "serving_default"
"""The signature that answers every task; the one that TensorFlow Serving runs where none is named."""


class ServedTask(BaseModel):
    """What one must know of a task to ask it and to read its answer; an export carries it.

    Attributes:
        kind: of the task.
        pair: whether it reads two texts.
        labels: of a classification, in the order of the probabilities.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    pair: bool = False
    labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, task: Task) -> "ServedTask":
        return cls(kind=task.kind, pair=task.text_pair is not None, labels=getattr(task, "labels", None) or ())


def signatures(tasks: Mapping[str, ServedTask]) -> dict[str, tuple[str, ...]]:
    """Returns the names of the signatures and the tasks that each answers.

    `serving_default` answers every task, `classify` those without a decoder, `summarize` those with one, and there is
    one under each task's name. A signature that would answer nothing is left out.
    """
    summaries = tuple(name for name, task in tasks.items() if task.kind == "summarization")
    heads = tuple(name for name in tasks if name not in summaries)
    found = {ALL_TASKS: tuple(tasks), "classify": heads, "summarize": summaries, **{name: (name,) for name in tasks}}
    return {name: answered for name, answered in found.items() if answered}


def input_specs(tasks: Mapping[str, ServedTask]) -> tuple[tf.TensorSpec, ...]:
    """Returns the inputs, the same for every signature of an export, so that one request fits them all.

    `text` is string `[batch]`; `text_pair` is another where some task reads pairs, empty in rows that have none.
    """
    names = ("text", "text_pair") if any(task.pair for task in tasks.values()) else ("text",)
    return tuple(tf.TensorSpec([None], tf.string, name=name) for name in names)


def trace(reader: Reader, tasks: Mapping[str, ServedTask], names: Iterable[str]) -> GraphFunction:
    """Returns the graph that answers the tasks `names` of all `tasks`; its arguments are the tensors of `input_specs`.

    Its outputs are `<task>_label` string `[batch]` and `<task>_probabilities` float32 `[batch, classes]` of a
    classification, `<task>_score` float32 `[batch]` of a regression, `<task>_summary` string `[batch]` of a
    summarization.

    It is not compiled with XLA, whose code would be bound to the kind of device it is made on, and which has none for
    SentencePiece's ops.
    """
    names = tuple(names)

    def answer(text: tf.Tensor, text_pair: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        # Some pretrained layers cannot read a batch of no rows.
        rows = tf.shape(text)[0]
        texts = [_at_least_one(part) for part in (text, text_pair) if part is not None]
        answers = {name: answer[:rows] for name, answer in reader.read(names, *texts).items()}
        outputs = {}
        for name in names:
            task = reader.tasks[name]
            outputs |= {f"{name}_{suffix}": value for suffix, value in _OUTPUTS[task.kind](task, answers[name]).items()}
        return outputs

    function = tf.function(answer, input_signature=input_specs(tasks), autograph=False)
    function.get_concrete_function()
    return function


def _at_least_one(texts: tf.Tensor) -> tf.Tensor:
    """Returns texts string `[batch]`, or an empty one where there are none."""
    return tf.concat([texts, tf.fill([tf.cast(tf.equal(tf.size(texts), 0), tf.int32)], "")], axis=0)


def _classification(task: Task, probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
    labels = tf.gather(tf.constant(task.labels), tf.argmax(probabilities, axis=-1))
    return {"label": labels, "probabilities": probabilities}


_OUTPUTS: dict[str, Callable[[Task, tf.Tensor], dict[str, tf.Tensor]]] = {
    "classification": _classification,
    "regression": lambda task, scores: {"score": scores},
    "summarization": lambda task, summaries: {"summary": summaries},
}
