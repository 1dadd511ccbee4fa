"""The interface of question answering to the rest of the package."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmtl.core.registry import KINDS
from tfmtl.core.round_trip_float import round_trip_float
from tfmtl.data.columns import DenseColumn, is_present
from tfmtl.data.rows import Rows
from tfmtl.data.tokenized import ReadUnits
from tfmtl.data.units import WORDS_AND_SIGNS, UnitsOfBatch
from tfmtl.generation.batch_reader import as_arrays
from tfmtl.kinds.kind import Answer, HeadContext, Kind
from tfmtl.kinds.question_answering import baselines, report
from tfmtl.kinds.question_answering.decision import best_answers, best_threshold, decided, decided_again
from tfmtl.kinds.question_answering.head import SpanHead
from tfmtl.kinds.question_answering.loss import SpanLoss
from tfmtl.kinds.question_answering.metrics import MEASURES, METRICS, AnswerF1
from tfmtl.kinds.question_answering.options import QuestionAnswering
from tfmtl.kinds.question_answering.spans import best_span, cut_out
from tfmtl.kinds.question_answering.targets import NO_ANSWER, TrueAnswer, encoded, in_array, span_column
from tfmtl.metrics.metric import MeanMetric, metrics_of
from tfmtl.models.layers.tokens import MASKED_SCORE


@KINDS.register("question_answering", options=QuestionAnswering)
class QuestionAnsweringKind(Kind):
    """The part of a text that answers a question, or none if the text does not answer it.

    Targets are tuples of answers `[rows]`, empty for rows without a target. Predictions are texts `[rows]`.
    """

    outputs = ("answer", "start", "end", "score")
    predicts = MEASURES
    own_metrics = METRICS
    units = WORDS_AND_SIGNS

    def encode(self, task: QuestionAnswering, rows: Rows) -> np.ndarray:
        return encoded(task, rows)

    def unit_column(self, task: QuestionAnswering, targets: np.ndarray, read: ReadUnits, split: str) -> DenseColumn:
        return span_column(task, targets, read, self.units, split)

    def head(self, task: QuestionAnswering, context: HeadContext, common: str | None = None) -> SpanHead:
        pooling = keras.saving.get_registered_name(context.trunk.pooling)
        rate, policy = context.options.head_dropout, context.trunk.dtype_policy
        return SpanHead(pooling, dropout=rate, name=task.name, dtype=policy)

    def loss(self, task: QuestionAnswering, targets: DenseColumn) -> SpanLoss:
        return SpanLoss()

    def probe_targets(self, task):
        # The rows of the check are pairs, whose second text begins at position 3.
        return np.array([0, 0], np.int32), np.array([3, 3], np.int32)

    def unit_answer(
        self, task: QuestionAnswering, said: tf.Tensor, head: SpanHead, read: UnitsOfBatch
    ) -> dict[str, tf.Tensor]:
        span = best_span(said, read, task.longest)
        best = cut_out(read.texts, self.units.split(read.texts), span)
        return decided(best, span.likelihood, span.likelihood_of_none, tf.convert_to_tensor(head.threshold))

    def predictions(self, answer: Answer) -> np.ndarray:
        return answer["answer"]

    def calibrate(self, task: QuestionAnswering, head: SpanHead, targets: np.ndarray, answer: Answer) -> Answer:
        """Sets the threshold of no answer to that with the best primary metric of the validation split.

        If the metric is no mean over rows, it is that with the best F1.
        """
        # A row without any possible span is not answered by any threshold.
        chosen = is_present(targets) & (answer["likelihood"] > MASKED_SCORE)
        primary = metrics_of(task)[task.primary]
        scores = (primary if isinstance(primary, MeanMetric) else AnswerF1()).per_example
        of_none = scores(targets[chosen], np.full(np.count_nonzero(chosen), "", object))
        gains = scores(targets[chosen], best_answers(answer)[chosen]) - of_none
        margins = answer["likelihood_of_none"] - answer["likelihood"]
        head.threshold.assign(best_threshold(margins[chosen], gains))
        return as_arrays(decided_again(answer, tf.convert_to_tensor(head.threshold)))

    def as_json(self, answer: Answer, row: int, labels: Sequence[str], text: str = "") -> dict[str, Any]:
        start, end = int(answer["start"][row]), int(answer["end"][row])
        return {
            "answer": answer["answer"][row],
            "start": start,
            "end": end,
            "score": round_trip_float(answer["score"][row]),
        }

    def from_json(self, task: QuestionAnswering, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {
            "answer": np.array([answer["answer"] for answer in answers], object),
            "start": np.array([answer["start"] for answer in answers], np.int32),
            "end": np.array([answer["end"] for answer in answers], np.int32),
            "score": np.array([answer["score"] for answer in answers], np.float32),
        }

    def target_as_json(self, task: QuestionAnswering, target: Sequence[TrueAnswer]) -> list[dict[str, Any]]:
        return [answer._asdict() for answer in target if answer != NO_ANSWER]

    def targets_from_json(self, task: QuestionAnswering, targets: Sequence[Sequence[Mapping[str, Any]]]) -> np.ndarray:
        return in_array([tuple(TrueAnswer(**answer) for answer in target) or (NO_ANSWER,) for target in targets])

    def baselines(self, task, train, asked):
        return baselines.baselines(task, train, asked)

    def report_section(self, task: QuestionAnswering, result, folder: Path) -> list[str]:
        return report.section(result)
