"""The interface of tagging to the rest of the package."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmtl.core.registry import KINDS
from tfmtl.data.columns import RaggedColumn
from tfmtl.data.rows import Rows
from tfmtl.data.tokenized import ReadUnits
from tfmtl.data.units import WORDS, UnitsOfBatch
from tfmtl.kinds.kind import Answer, HeadContext, Kind
from tfmtl.kinds.tagging import baselines, report
from tfmtl.kinds.tagging.loss import TaggingLoss
from tfmtl.kinds.tagging.metrics import MEASURES, METRICS
from tfmtl.kinds.tagging.options import Tagging
from tfmtl.kinds.tagging.spans import OUTSIDE, spans_as_json
from tfmtl.kinds.tagging.targets import check_words, encoded, in_array, inferred_label_set, padded, tag_column
from tfmtl.models.layers.token_head import TokenHead


@KINDS.register("tagging", options=Tagging)
class TaggingKind(Kind):
    """A tag for each word of a text, such as the slots of an utterance.

    Targets are tuples of tags `[rows]`, empty for rows without a target. Predictions are an object array
    `[rows, words]` of tags, padded with "". The head looks at the first token of each word.
    """

    outputs = ("tags",)
    predicts = MEASURES
    own_metrics = METRICS
    units = WORDS

    def label_set(self, task: Tagging) -> tuple[str, ...]:
        return task.label_set or ()

    def needs_train(self, task):
        return task.label_set is None

    def resolved(self, task: Tagging, train: Rows | None) -> Tagging:
        labels = inferred_label_set(task, train) if task.label_set is None else task.label_set
        return task.model_copy(update={"label_set": labels})

    def encode(self, task: Tagging, rows: Rows) -> np.ndarray:
        return encoded(task, rows)

    def unit_column(self, task: Tagging, targets: np.ndarray, read: ReadUnits, split: str) -> RaggedColumn:
        return tag_column(task, targets, read)

    def check_parts(self, parts: Sequence[str], place: str) -> None:
        check_words(parts, place)

    def head(self, task: Tagging, context: HeadContext, common: str | None = None) -> TokenHead:
        rate, policy = context.options.head_dropout, context.trunk.dtype_policy
        return TokenHead(len(task.label_set), dropout=rate, name=task.name, dtype=policy)

    def loss(self, task: Tagging, targets: RaggedColumn) -> TaggingLoss:
        return TaggingLoss(task.label_smoothing)

    def probe_targets(self, task):
        return np.array([0, 1, 0, 0], np.int32), np.array([0, 2, 0, 0], np.int32)

    def unit_answer(self, task: Tagging, said: tf.Tensor, head: TokenHead, read: UnitsOfBatch) -> dict[str, tf.Tensor]:
        """Returns the most probable tag of each word; `O` for a word without a token.

        Logits of a word that is in two windows are added, which multiplies its probabilities in both.
        """
        counts = tf.cast(self.units.split(read.texts).units.row_lengths(), tf.int32)
        width = tf.reduce_max(counts)
        best = tf.argmax(read.summed(said, width), axis=-1, output_type=tf.int32) + 1
        is_read = read.summed(tf.ones_like(said[..., :1]), width)[..., 0] > 0
        tags = tf.gather(tf.constant([OUTSIDE, *task.label_set]), tf.where(is_read, best, 0))
        return {"tags": tf.where(tf.sequence_mask(counts, width), tags, "")}

    def as_json(self, answer: Answer, row: int, labels: Sequence[str], text: str = "") -> dict[str, Any]:
        tags = [tag for tag in answer["tags"][row] if tag]
        foreign = set(tags).difference(labels)
        if foreign:
            raise ValueError(f"'{min(foreign)}' is none of the {len(labels)} tags")
        return {"tags": tags, "spans": spans_as_json(tags, text)}

    def from_json(self, task: Tagging, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {"tags": padded([answer["tags"] for answer in answers])}

    def target_as_json(self, task: Tagging, target: tuple[str, ...]) -> list[str]:
        return list(target)

    def targets_from_json(self, task: Tagging, targets: Sequence[Sequence[str]]) -> np.ndarray:
        return in_array(map(tuple, targets), len(targets))

    def baselines(self, task, train, asked):
        return baselines.baselines(task, train, asked)

    def report_section(self, task: Tagging, result, folder: Path) -> list[str]:
        return report.section(result)
