"""The head of each task, and the heads that tasks with the same labels have in common."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import KerasTensor

from tfmtl.config.options import ModelOptions
from tfmtl.data.tables import Table
from tfmtl.kinds.task import Task
from tfmtl.models.layers.heads import ClassificationHead, RegressionHead
from tfmtl.models.layers.pointer_generator import SummaryHead
from tfmtl.models.trunk import Encoder


class TaskHeads:
    """The heads of a new model.

    With `shared_heads`, tasks with the same labels have a head in common, whose logits are added to each one's own:
    what a label means everywhere is learned from all their rows, and what differs from a task's own (Evgeniou and
    Pontil 2004, `w_t = w_0 + v_t`; Daumé III 2007).

    Args:
        encoder: what they read the states of.
        options: of the network.
        tasks: with their label sets.
        tables: of train, with the regression targets.
    """

    def __init__(self, encoder: Encoder, options: ModelOptions, tasks: Mapping[str, Task], tables: Sequence[Table]):
        self._encoder = encoder
        common = common_names(tasks) if options.shared_heads else {}
        described = {name: tasks[task] for task, name in common.items()}
        self._common = {
            name: ClassificationHead(len(task.labels), **_pooled(encoder, options, task, name))
            for name, task in described.items()
        }
        self._heads = {
            name: HEADS[task.kind](encoder, options, task, tables, common.get(name)) for name, task in tasks.items()
        }

    def __getitem__(self, name: str) -> keras.layers.Layer:
        return self._heads[name]

    def answers(
        self, names: Sequence[str], states: Mapping[str, KerasTensor], tokens: KerasTensor
    ) -> dict[str, KerasTensor]:
        """Returns what the heads of classification and regression tasks say of each task's view of the states."""
        seen: dict[int, KerasTensor] = {}
        of_common: dict[tuple, dict[str, KerasTensor]] = {}
        answers = {}
        for name in names:
            head, view = self._heads[name], id(states[name])
            if view not in seen:
                seen[view] = self._encoder.last_states(states[name])
            key = head.common, view
            if key not in of_common:
                of_common[key] = _common_logits(head, self._common.get, seen[view], tokens)
            answers[name] = head(seen[view], tokens, **of_common[key])
        return answers


def logits(model: keras.Model, name: str, states: KerasTensor, tokens: KerasTensor) -> KerasTensor:
    """Returns what a head of a built model says, together with the head that it has in common with others.

    Args:
        model: of `tfmtl.models.builder`, or loaded.
        name: of a classification or regression task.
        states: of the encoder, as the task sees them, `[batch, length, hidden]`.
        tokens: ids of the texts, int32 `[batch, length]`.
    """
    head = model.get_layer(name)
    return head(states, tokens, **_common_logits(head, model.get_layer, states, tokens))


def _common_logits(head, layer_of, states, tokens) -> dict[str, KerasTensor]:
    """Returns the argument `common` of a head: none where it has no head in common with others."""
    return {"common": layer_of(head.common)(states, tokens)} if head.common else {}


def common_names(tasks: Mapping[str, Task]) -> dict[str, str]:
    """Returns the name of the head that a task has in common with others, by the tasks that have one."""
    groups: dict[tuple, list[str]] = {}
    for name, task in tasks.items():
        if task.kind == "classification":
            groups.setdefault((task.labels, task.text_pair is not None), []).append(name)
    several = [names for names in groups.values() if len(names) > 1]
    return {name: f"shared_head_{number}" for number, names in enumerate(several) for name in names}


def _pooled(encoder: Encoder, options: ModelOptions, task: Task, name: str) -> dict:
    return {
        "pair": task.text_pair is not None,
        "dropout": options.head_dropout,
        "pooling": encoder.pooling,
        "name": name,
        "dtype": encoder.dtype_policy,
    }


def _classification_head(encoder, options, task, tables, common):
    return ClassificationHead(len(task.labels), common=common, **_pooled(encoder, options, task, task.name))


def _regression_head(encoder, options, task, tables, common):
    targets = np.concatenate([table.targets[task.name] for table in tables if task.name in table.targets])
    mean, deviation = float(np.nanmean(targets)), float(np.nanstd(targets)) or 1.0
    return RegressionHead(mean, deviation, **_pooled(encoder, options, task, task.name))


def _summary_head(encoder, options, task, tables, common):
    return SummaryHead(options.decoder.copy_source, task.label_smoothing, name=task.name, dtype=encoder.dtype_policy)


def _denoising_head(encoder, options, task, tables, common):
    # Nothing that is missing can be copied.
    return SummaryHead(copy_source=False, name=task.name, dtype=encoder.dtype_policy)


HEADS = {
    "classification": _classification_head,
    "regression": _regression_head,
    "summarization": _summary_head,
    "denoising": _denoising_head,
}
"""What builds the head of a task, by its kind."""
