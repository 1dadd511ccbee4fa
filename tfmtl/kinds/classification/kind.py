"""The interface of classification to the rest of the package."""

import logging
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfmtl.core.errors import ConfigurationError, DataError, nearest
from tfmtl.core.registry import KINDS
from tfmtl.core.round_trip_float import round_trip_float
from tfmtl.data.columns import DenseColumn, is_present
from tfmtl.data.rows import Rows
from tfmtl.generation.batch_reader import as_arrays
from tfmtl.kinds.classification import baselines, report
from tfmtl.kinds.classification.abstention import ABSTAINED
from tfmtl.kinds.classification.head import ClassificationHead, DescribedClassificationHead
from tfmtl.kinds.classification.loss import ClassificationLoss
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.kind import Answer, HeadContext, Kind
from tfmtl.kinds.labels import (
    check_class_weights,
    label_order,
    most_probable,
    named_weights,
    positions_of,
    read_labels,
    warn_of_lookalikes,
)
from tfmtl.metrics.temperature import softmax_temperature
from tfmtl.models.layers.label_words import LabelWords
from tfmtl.models.layers.pooled_head import common_pooled_head, pooled_arguments
from tfmtl.models.layers.tempered import Tempered, with_temperature

_logger = logging.getLogger("tfmtl")


@KINDS.register("classification", options=Classification)
class ClassificationKind(Kind):
    """One label from a fixed set, for a text or a pair of texts.

    Targets are positions in the label set, int32 `[rows]`, or -1 for rows without a label. Predictions are
    probabilities, float32 `[rows, classes]`.
    """

    outputs = ("label", "probabilities")
    predicts = "class probabilities"
    rest_action = "classify"
    explains = True

    def label_set(self, task: Classification) -> tuple[str, ...]:
        return task.labels or ()

    def extended(self, task: Classification, labels: Sequence[str]) -> Classification:
        if task.label_words:
            raise ConfigurationError(
                f"tasks.{task.name}: a language model answers it by 'label_words'; give it new labels in its experiment"
            )
        known = set(task.labels)
        for label in labels:
            if label in known:
                raise ConfigurationError(f"tasks.{task.name}: the task has the label '{label}' already")
            known.add(label)
        return task.model_copy(update={"labels": (*task.labels, *labels)})

    def needs_train(self, task):
        return task.labels is None

    def resolved(self, task: Classification, train: Rows | None) -> Classification:
        labels = task.labels
        if labels is None:
            found = set(read_labels(task, train.columns[task.label], train.place)) - {None}
            labels = label_order(found)
            warn_of_lookalikes(task, labels)
        if len(labels) < 2:
            listed = ", ".join(f"'{label}'" for label in labels) or "none"
            raise DataError(
                f"task '{task.name}': a classification needs two labels or more, found in '{task.label}': {listed}"
            )
        return task.model_copy(update={"labels": labels})

    def encode(self, task: Classification, rows: Rows) -> np.ndarray:
        position_of = positions_of(task.labels)
        targets = np.empty(len(rows), np.int32)
        for row, label in enumerate(read_labels(task, rows.columns[task.label], rows.place)):
            position = -1 if label is None else position_of(label)
            if position is None:
                known = nearest(label, task.labels)
                raise DataError(f"{rows.place(row)}: task '{task.name}' has no label '{label}'; {known}")
            targets[row] = position
        return targets

    def check(self, task, generation):
        check_class_weights(task, task.labels)
        least = 1.0 / len(task.labels)
        if task.abstain_below is not None and task.abstain_below <= least:
            _logger.warning(
                "tasks.%s.abstain_below: every row is answered: the most probable of %d labels has at least %.3f",
                task.name,
                len(task.labels),
                least,
            )
        for label in task.label_words if isinstance(task.label_words, Mapping) else ():
            if label not in task.labels:
                place = f"tasks.{task.name}.label_words"
                raise ConfigurationError(f"{place}: unknown label '{label}'; {nearest(label, task.labels)}")

    def label_words(self, task: Classification) -> tuple[str, ...]:
        words = task.label_words if isinstance(task.label_words, Mapping) else {}
        return tuple(words.get(label, label) for label in task.labels) if task.label_words else ()

    def head(self, task: Classification, context: HeadContext, common: str | None = None) -> keras.layers.Layer:
        if context.words:
            return LabelWords(context.words, name=task.name, dtype=context.trunk.dtype_policy)
        if context.descriptor:
            policy = context.trunk.dtype_policy
            return DescribedClassificationHead(
                len(task.labels), context.descriptor, common, name=task.name, dtype=policy
            )
        return ClassificationHead(len(task.labels), common=common, **pooled_arguments(task, context, task.name))

    def common_head_key(self, task: Classification) -> Hashable | None:
        # What a language model says has no head.
        return None if task.label_words else (task.kind, task.labels, task.text_pair is not None)

    def common_head(self, task: Classification, context: HeadContext, name: str) -> keras.layers.Layer:
        return common_pooled_head(len(task.labels), task, context, name)

    def strata(self, task: Classification, targets: np.ndarray) -> dict[str, np.ndarray]:
        return {label: targets == position for position, label in enumerate(task.labels)}

    def classes(self, task: Classification) -> int:
        return len(self.label_set(task))

    def linear_classes(self, task: Classification) -> int:
        return self.classes(task) if task.text_pair is None else 0

    def class_weights(self, task: Classification, targets: DenseColumn) -> np.ndarray:
        if task.class_weights is None:
            return np.ones(len(task.labels))
        if task.class_weights == "balanced":
            counts = np.bincount(targets.values[targets.present], minlength=len(task.labels))
            return counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return named_weights(task.labels, task.class_weights)

    def loss(self, task: Classification, targets: DenseColumn) -> ClassificationLoss:
        return ClassificationLoss(self.class_weights(task, targets), task.label_smoothing)

    def probe_targets(self, task):
        return np.int32(0), np.int32(1)

    def answer(self, task: Classification, said: tf.Tensor, head) -> dict[str, tf.Tensor]:
        probabilities = tf.nn.softmax(with_temperature(said, head))
        labels = tf.gather(tf.constant(task.labels), tf.argmax(probabilities, axis=-1))
        if task.abstain_below is not None:
            labels = tf.where(tf.reduce_max(probabilities, axis=-1) >= task.abstain_below, labels, ABSTAINED)
        return {"label": labels, "probabilities": probabilities, "logits": said}

    def calibrate(self, task: Classification, head, targets: np.ndarray, answer: Answer) -> Answer:
        """Sets the temperature to that with the highest likelihood of the validation split."""
        present = is_present(targets)
        if not isinstance(head, Tempered) or not present.any():
            return answer
        head.temperature.assign(softmax_temperature(answer["logits"][present], targets[present]))
        return as_arrays(self.answer(task, tf.constant(answer["logits"]), head))

    def as_json(self, answer: Answer, row: int, labels: Sequence[str], text: str = "") -> dict[str, Any]:
        probabilities = [*map(round_trip_float, answer["probabilities"][row])]
        label = answer["label"][row]
        # The list of labels may come from elsewhere than the answer: from a file, or a server.
        if label not in (ABSTAINED, labels[np.argmax(probabilities)]):
            raise ValueError(f"the label '{label}' is not the most probable one of {len(labels)} labels")
        return {"label": label, "probabilities": dict(zip(labels, probabilities, strict=True))}

    def client_options(self, task: Classification) -> dict[str, Any]:
        return {"top_k": task.top_k, "abstain_below": task.abstain_below}

    def shown(self, answer: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        return most_probable(answer, options.get("top_k"))

    def evidence(self, answer: Answer, labels: Sequence[str]) -> dict[str | None, np.ndarray]:
        return {None: answer["probabilities"][:, np.argmax(answer["probabilities"][0])]}

    def from_json(self, task: Classification, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        rows = [[answer["probabilities"][label] for label in task.labels] for answer in answers]
        labels = np.array([answer["label"] for answer in answers], object)
        return {"label": labels, "probabilities": np.array(rows, np.float32).reshape(-1, len(task.labels))}

    def target_as_json(self, task: Classification, target: int) -> str:
        return task.labels[target]

    def targets_from_json(self, task: Classification, targets: Sequence[str]) -> np.ndarray:
        return np.array([task.labels.index(target) for target in targets], np.int32)

    def baselines(self, task, train, asked):
        return baselines.baselines(task, train, asked)

    def pooled_baselines(self, domains):
        return baselines.pooled_baselines(domains)

    def figures(self, task: Classification, targets: np.ndarray, answer: Answer) -> dict[str, Figure]:
        return report.figures(task, targets, answer)

    def report_section(self, task: Classification, result, folder: Path) -> list[str]:
        return report.section(task, result, folder)

    def rest_result(self, answer: Answer, labels: Sequence[str]) -> list[Any]:
        """Returns label and probability of each class; the label of the most probable one is empty in an open row."""
        result = []
        for label, row in zip(answer["label"], answer["probabilities"], strict=True):
            pairs = [list(pair) for pair in zip(labels, map(round_trip_float, row), strict=True)]
            if label == ABSTAINED:
                pairs[int(np.argmax(row))][0] = ABSTAINED
            result.append(pairs)
        return result
