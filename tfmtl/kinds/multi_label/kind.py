"""The interface of multi-label classification to the rest of the package."""

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
from tfmtl.kinds.kind import Answer, HeadContext, Kind
from tfmtl.kinds.labels import check_class_weights, most_probable, named_weights
from tfmtl.kinds.multi_label import baselines, report
from tfmtl.kinds.multi_label.head import DescribedMultiLabelHead, MultiLabelHead
from tfmtl.kinds.multi_label.loss import MultiLabelLoss
from tfmtl.kinds.multi_label.metrics import MEASURES, METRICS
from tfmtl.kinds.multi_label.options import MultiLabel
from tfmtl.kinds.multi_label.targets import encoded, inferred_label_set
from tfmtl.kinds.multi_label.thresholds import label_thresholds, micro_thresholds
from tfmtl.metrics.temperature import sigmoid_temperature
from tfmtl.models.layers.pooled_head import common_pooled_head, pooled_arguments
from tfmtl.models.layers.tempered import with_temperature


@KINDS.register("multi_label", options=MultiLabel)
class MultiLabelKind(Kind):
    """Any number of labels from a fixed set, for a text or a pair of texts.

    Targets are int32 `[rows, classes]`: 1 if the row has the label, 0 if it does not, and -1 for all labels if the row
    has no target. Predictions are float32 `[rows, 2, classes]`: the probabilities, and 1 or 0 for whether each label is
    selected.
    """

    outputs = ("probabilities", "selected")
    predicts = MEASURES
    own_metrics = METRICS
    explains = True

    def label_set(self, task: MultiLabel) -> tuple[str, ...]:
        return task.label_set or ()

    def needs_train(self, task):
        return task.label_set is None

    def resolved(self, task: MultiLabel, train: Rows | None) -> MultiLabel:
        labels = inferred_label_set(task, train) if task.label_set is None else task.label_set
        if not labels:
            raise DataError(f"task '{task.name}': 'label_set' is empty")
        return task.model_copy(update={"label_set": labels})

    def encode(self, task: MultiLabel, rows: Rows) -> np.ndarray:
        return encoded(task, rows)

    def strata(self, task: MultiLabel, targets: np.ndarray) -> dict[str, np.ndarray]:
        return {label: targets[:, position] == 1 for position, label in enumerate(task.label_set)}

    def check(self, task, generation):
        check_class_weights(task, task.label_set)
        for label in task.thresholds if isinstance(task.thresholds, Mapping) else ():
            if label not in task.label_set:
                place = f"tasks.{task.name}.thresholds"
                raise ConfigurationError(f"{place}: unknown label '{label}'; {nearest(label, task.label_set)}")

    def head(self, task: MultiLabel, context: HeadContext, common: str | None = None) -> keras.layers.Layer:
        if context.descriptor:
            policy = context.trunk.dtype_policy
            return DescribedMultiLabelHead(
                len(task.label_set), context.descriptor, common, name=task.name, dtype=policy
            )
        return MultiLabelHead(len(task.label_set), common=common, **pooled_arguments(task, context, task.name))

    def common_head_key(self, task: MultiLabel) -> Hashable:
        return task.kind, task.label_set, task.text_pair is not None

    def common_head(self, task: MultiLabel, context: HeadContext, name: str) -> keras.layers.Layer:
        return common_pooled_head(len(task.label_set), task, context, name)

    def class_weights(self, task: MultiLabel, targets: DenseColumn) -> np.ndarray:
        if task.class_weights is None:
            return np.ones(len(task.label_set))
        if task.class_weights == "balanced":
            known = targets.values[targets.present]
            counts = known.sum(axis=0)
            return np.where(counts > 0, (len(known) - counts) / np.maximum(counts, 1), 1.0)
        return named_weights(task.label_set, task.class_weights)

    def loss(self, task: MultiLabel, targets: DenseColumn) -> MultiLabelLoss:
        return MultiLabelLoss(self.class_weights(task, targets), task.label_smoothing)

    def probe_targets(self, task: MultiLabel):
        classes = len(task.label_set)
        return np.zeros(classes, np.int32), np.ones(classes, np.int32)

    def answer(self, task: MultiLabel, said: tf.Tensor, head: MultiLabelHead) -> dict[str, tf.Tensor]:
        probabilities = tf.sigmoid(with_temperature(said, head))
        given = _given_thresholds(task)
        thresholds = tf.where(np.isnan(given), tf.convert_to_tensor(head.thresholds), given)
        selected = probabilities >= thresholds
        return {"probabilities": probabilities, "selected": selected, "logits": said}

    def predictions(self, answer: Answer) -> np.ndarray:
        return np.stack([answer["probabilities"], answer["selected"]], axis=1).astype(np.float32)

    def calibrate(self, task: MultiLabel, head: MultiLabelHead, targets: np.ndarray, answer: Answer) -> Answer:
        """Sets the temperature and the thresholds to those that are best on the validation split.

        The temperature is that with the highest likelihood. Thresholds that are not given are those with the best F1:
        macro if it is primary, or micro.
        """
        present = is_present(targets)
        if not present.any():
            return answer
        logits = tf.constant(answer["logits"])
        head.temperature.assign(sigmoid_temperature(answer["logits"][present], targets[present]))
        probabilities = self.answer(task, logits, head)["probabilities"].numpy()[present]
        choose = label_thresholds if task.primary == "f1_macro" else micro_thresholds
        head.thresholds.assign(choose(targets[present], probabilities, _given_thresholds(task)))
        return as_arrays(self.answer(task, logits, head))

    def as_json(self, answer: Answer, row: int, labels: Sequence[str], text: str = "") -> dict[str, Any]:
        chosen = zip(labels, answer["selected"][row], strict=True)
        probabilities = map(round_trip_float, answer["probabilities"][row])
        return {
            "labels": [label for label, is_selected in chosen if is_selected],
            "probabilities": dict(zip(labels, probabilities, strict=True)),
        }

    def client_options(self, task: MultiLabel) -> dict[str, Any]:
        return {"top_k": task.top_k}

    def shown(self, answer: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        return most_probable(answer, options.get("top_k"))

    def evidence(self, answer: Answer, labels: Sequence[str]) -> dict[str | None, np.ndarray]:
        return {labels[k]: answer["probabilities"][:, k] for k in np.flatnonzero(answer["selected"][0])}

    def from_json(self, task: MultiLabel, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        labels, shape = task.label_set, (-1, len(task.label_set))
        probabilities = [[answer["probabilities"][label] for label in labels] for answer in answers]
        selected = [[label in answer["labels"] for label in labels] for answer in answers]
        return {
            "probabilities": np.array(probabilities, np.float32).reshape(shape),
            "selected": np.array(selected, bool).reshape(shape),
        }

    def target_as_json(self, task: MultiLabel, target: np.ndarray) -> list[str]:
        return [label for label, is_true in zip(task.label_set, target, strict=True) if is_true]

    def targets_from_json(self, task: MultiLabel, targets: Sequence[Sequence[str]]) -> np.ndarray:
        rows = [[label in target for label in task.label_set] for target in targets]
        return np.array(rows, np.int32).reshape(-1, len(task.label_set))

    def baselines(self, task, train, asked):
        return baselines.baselines(task, train, asked)

    def figures(self, task: MultiLabel, targets: np.ndarray, answer: Answer) -> dict[str, Figure]:
        return report.figures(targets, answer)

    def report_section(self, task: MultiLabel, result, folder: Path) -> list[str]:
        return report.section(task, result, folder)


def _given_thresholds(task: MultiLabel) -> np.ndarray:
    """Returns the thresholds that are given, float32 `[classes]`; NaN for those that are not."""
    given = task.thresholds if isinstance(task.thresholds, Mapping) else {}
    rest = np.nan if task.thresholds is None or given else task.thresholds
    return np.array([given.get(label, rest) for label in task.label_set], np.float32)
