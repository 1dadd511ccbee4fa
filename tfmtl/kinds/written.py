"""What all kinds have in common whose answer is a text that a decoder writes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmtl.core.errors import DataError
from tfmtl.core.values import is_absent
from tfmtl.data.columns import RaggedColumn
from tfmtl.data.rows import Rows
from tfmtl.data.tokenized import tokenize_targets
from tfmtl.generation.options import SearchOptions
from tfmtl.kinds.kind import Answer, HeadContext, Kind
from tfmtl.kinds.written_task import WrittenTask
from tfmtl.models.layers.pointer_generator import PointerGeneratorHead
from tfmtl.reports.task_result import TaskResult, cells_table, evenly_spread
from tfmtl.training.losses import PROBE_TOKENS, TokenLoss


class WrittenKind(Kind):
    """The base class of kinds whose only output is the text that the task's own decoder writes.

    Targets are tuples of references in an object array `[rows]`; a row without references has an empty tuple. Training
    reads the first reference, metrics read all of them. Predictions are texts.
    """

    predicts = "texts"

    @property
    def output(self) -> str:
        """The suffix of the only output."""
        (output,) = self.outputs
        return output

    def encode(self, task: WrittenTask, rows: Rows) -> np.ndarray:
        targets = np.empty(len(rows), object)
        for row in range(len(rows)):
            targets[row] = tuple(_references(task, rows, row))
        return targets

    def column(self, task: WrittenTask, targets: np.ndarray, tokenizer) -> RaggedColumn:
        """Returns the tokens of the first reference of each row."""
        first = [references[0] if references else None for references in targets]
        return tokenize_targets(tokenizer, first, task.max_length)

    def training_texts(self, target: tuple[str, ...]) -> Iterable[str]:
        return target[:1]

    def check(self, task, generation):
        SearchOptions.of(generation, task.max_length)

    def head(self, task: WrittenTask, context: HeadContext, common: str | None = None) -> PointerGeneratorHead:
        trunk = context.trunk
        # What a language model writes would be mixed with copies that it has not learned yet.
        choices = (task.copy_source, context.options.decoder.copy_source, not trunk.can_write)
        copy_source = next(choice for choice in choices if choice is not None)
        return PointerGeneratorHead(copy_source, task.label_smoothing, name=task.name, dtype=trunk.dtype_policy)

    def target_length(self, task: WrittenTask, text_length: int) -> int:
        return task.max_length

    def loss(self, task: WrittenTask, targets: RaggedColumn) -> TokenLoss:
        return TokenLoss()

    def probe_targets(self, task):
        return PROBE_TOKENS

    def answer(self, task: WrittenTask, said: tf.Tensor, head) -> dict[str, tf.Tensor]:
        return {self.output: said}

    def as_json(self, answer: Answer, row: int, labels: Sequence[str], text: str = "") -> dict[str, Any]:
        return {self.output: answer[self.output][row]}

    def from_json(self, task: WrittenTask, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {self.output: np.array([answer[self.output] for answer in answers], object)}

    def target_as_json(self, task: WrittenTask, target: Sequence[str]) -> list[str]:
        return list(target)

    def targets_from_json(self, task: WrittenTask, targets: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
        return [tuple(references) for references in targets]

    def report_section(self, task: WrittenTask, result: TaskResult, folder: Path) -> list[str]:
        """Returns a table of rows that are evenly spread over the split, with their first references."""
        chosen = evenly_spread(len(result.texts))
        rows = [(result.texts[row], result.targets[row][0], result.predictions[row]) for row in chosen]
        note = f"{len(rows)} of {len(result.texts)} rows, evenly spread:"
        return [note, "", *cells_table(("text", "reference", "generated"), rows)]


def _references(task: WrittenTask, rows: Rows, row: int) -> Iterable[str]:
    """Yields the references of a row: those of each field in turn, which holds one or a list of them."""
    for field in task.target_fields:
        value = rows.columns[field][row]
        for reference in value if isinstance(value, list) else [value]:
            if is_absent(reference):
                continue
            if not isinstance(reference, str):
                place = rows.place(row)
                raise DataError(f"{place}: '{field}' of task '{task.name}' is not a text: {str(value)[:60]}")
            yield reference
