"""The interface of regression to the rest of the package."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from sklearn.linear_model import LinearRegression
from sklearn.svm import LinearSVR

from tfmtl.core.errors import DataError
from tfmtl.core.registry import KINDS
from tfmtl.core.round_trip_float import round_trip_float
from tfmtl.core.values import is_absent
from tfmtl.data.columns import DenseColumn
from tfmtl.data.rows import Rows
from tfmtl.data.streams import Examples
from tfmtl.kinds.kind import Answer, HeadContext, Kind
from tfmtl.kinds.labels import as_number
from tfmtl.kinds.regression import report
from tfmtl.kinds.regression.head import RegressionHead
from tfmtl.kinds.regression.loss import RegressionLoss
from tfmtl.kinds.regression.options import Regression
from tfmtl.models.layers.pooled_head import pooled_arguments
from tfmtl.reports.linear_baselines import cosines, fitted_predictions

_LARGEST = float(np.finfo(np.float32).max)


@KINDS.register("regression", options=Regression)
class RegressionKind(Kind):
    """One number for a text or a pair of texts.

    Targets are float32 `[rows]`, or NaN for rows without a number. Predictions are float32 `[rows]`.
    """

    outputs = ("score",)
    predicts = "numbers"
    rest_action = "regress"
    explains = True

    def encode(self, task: Regression, rows: Rows) -> np.ndarray:
        targets = np.full(len(rows), np.nan, np.float32)
        for row, value in enumerate(rows.columns[task.target]):
            if is_absent(value):
                continue
            number = as_number(value)
            if not abs(number) <= _LARGEST:
                place = rows.place(row)
                raise DataError(f"{place}: '{task.target}' of task '{task.name}' is not a finite number: {value!r}")
            targets[row] = number
        return targets

    def head(self, task: Regression, context: HeadContext, common: str | None = None) -> RegressionHead:
        targets = context.targets.values
        mean, deviation = float(np.nanmean(targets)), float(np.nanstd(targets)) or 1.0
        return RegressionHead(mean, deviation, **pooled_arguments(task, context, task.name))

    def loss(self, task: Regression, targets: DenseColumn) -> RegressionLoss:
        return RegressionLoss()

    def probe_targets(self, task):
        # In any unit, the loss of an absent score is zero and that of a present score is not.
        return np.float32(np.nan), np.float32(0.0)

    def answer(self, task: Regression, said: tf.Tensor, head) -> dict[str, tf.Tensor]:
        return {"score": said}

    def as_json(self, answer: Answer, row: int, labels: Sequence[str], text: str = "") -> dict[str, Any]:
        return {"score": round_trip_float(answer["score"][row])}

    def evidence(self, answer: Answer, labels: Sequence[str]) -> dict[str | None, np.ndarray]:
        return {None: answer["score"]}

    def from_json(self, task: Regression, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {"score": np.array([answer["score"] for answer in answers], np.float32)}

    def target_as_json(self, task: Regression, target: float) -> float:
        return round_trip_float(target)

    def targets_from_json(self, task: Regression, targets: Sequence[float]) -> np.ndarray:
        return np.array(targets, np.float32)

    def baselines(self, task: Regression, train: Examples, asked: Examples) -> dict[str, Answer]:
        """Returns the answers of `mean`, `linear_svm` and, for pairs, `cosine`.

        `cosine` is a linear regression whose only feature is the cosine of the TF-IDF weights of a pair.
        """
        targets = train.targets[task.name]
        found = {"mean": np.full(len(asked), np.mean(targets))}
        found |= fitted_predictions({"linear_svm": LinearSVR(random_state=0)}, train, targets, asked)
        if train.text_pair is not None:
            known, asked_cosines = cosines(train, asked)
            found["cosine"] = LinearRegression().fit(known, targets).predict(asked_cosines)
        return {name: {"score": scores} for name, scores in found.items()}

    def figures(self, task: Regression, targets: np.ndarray, answer: Answer) -> dict[str, Figure]:
        return {"scatter": report.scatter_figure(targets, answer["score"])}

    def report_section(self, task: Regression, result, folder: Path) -> list[str]:
        return report.section(task, result, folder)

    def rest_result(self, answer: Answer, labels: Sequence[str]) -> list[Any]:
        return [round_trip_float(score) for score in answer["score"]]
