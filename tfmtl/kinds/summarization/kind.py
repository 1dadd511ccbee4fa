"""The interface of summarization to the rest of the package."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmtl.core.errors import DataError
from tfmtl.core.registry import KINDS
from tfmtl.core.values import is_absent
from tfmtl.data.columns import RaggedColumn
from tfmtl.data.rows import Rows
from tfmtl.data.streams import Examples
from tfmtl.data.tokenized import tokenize_targets
from tfmtl.generation.options import SearchOptions
from tfmtl.kinds.kind import Answer, HeadContext, Kind
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.metrics.sentences import split_sentences
from tfmtl.models.layers.pointer_generator import PointerGeneratorHead
from tfmtl.reports.task_result import TaskResult, cells_table, evenly_spread
from tfmtl.training.losses import PROBE_TOKENS, TokenLoss


@KINDS.register("summarization", options=Summarization)
class SummarizationKind(Kind):
    """A summary of a text, written by the task's own decoder.

    Targets are tuples of references in an object array `[rows]`; a row without references has an empty tuple.
    Predictions are texts.
    """

    outputs = ("summary",)
    predicts = "texts"

    def encode(self, task: Summarization, rows: Rows) -> np.ndarray:
        targets = np.empty(len(rows), object)
        for row, value in enumerate(rows.columns[task.summary]):
            references = value if isinstance(value, list) else [value]
            targets[row] = tuple(reference for reference in references if not is_absent(reference))
            if not all(isinstance(reference, str) for reference in targets[row]):
                place = rows.place(row)
                raise DataError(f"{place}: '{task.summary}' of task '{task.name}' is not a text: {str(value)[:60]}")
        return targets

    def column(self, task: Summarization, targets: np.ndarray, tokenizer) -> RaggedColumn:
        """Returns the tokens of the first reference of each row."""
        first = [references[0] if references else None for references in targets]
        return tokenize_targets(tokenizer, first, task.max_length)

    def training_texts(self, target: tuple[str, ...]) -> Iterable[str]:
        return target[:1]

    def check(self, task, generation):
        SearchOptions.of(generation, task.max_length)

    def head(self, task: Summarization, context: HeadContext, common: str | None = None) -> PointerGeneratorHead:
        copy_source, trunk = context.options.decoder.copy_source, context.trunk
        if copy_source is None:
            # What a language model writes would be mixed with copies that it has not learned yet.
            copy_source = not trunk.can_write
        return PointerGeneratorHead(copy_source, task.label_smoothing, name=task.name, dtype=trunk.dtype_policy)

    def target_length(self, task: Summarization, text_length: int) -> int:
        return task.max_length

    def loss(self, task: Summarization, targets: RaggedColumn) -> TokenLoss:
        return TokenLoss()

    def probe_targets(self, task):
        return PROBE_TOKENS

    def answer(self, task: Summarization, said: tf.Tensor, head) -> dict[str, tf.Tensor]:
        return {"summary": said}

    def as_json(self, answer: Answer, row: int, labels: Sequence[str]) -> dict[str, Any]:
        return {"summary": answer["summary"][row]}

    def from_json(self, task: Summarization, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {"summary": np.array([answer["summary"] for answer in answers], object)}

    def target_as_json(self, task: Summarization, target: Sequence[str]) -> list[str]:
        return list(target)

    def targets_from_json(self, task: Summarization, targets: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
        return [tuple(references) for references in targets]

    def baselines(self, task: Summarization, train: Examples, asked: Examples) -> dict[str, Answer]:
        """Returns the first sentence, the first three sentences, and the first words of each text as its summary.

        The number of words is the mean number of words in the references of the training rows.
        """
        words = round(np.mean([len(references[0].split()) for references in train.targets[task.name]]))
        leads: dict[str, Callable[[str], str]] = {
            "first_sentence": lambda text: "".join(split_sentences(text)[:1]),
            "first_words": lambda text: " ".join(text.split()[:words]),
            "first_3_sentences": lambda text: "\n".join(split_sentences(text)[:3]),
        }
        return {
            name: {"summary": np.array([lead(text) for text in asked.text], object)} for name, lead in leads.items()
        }

    def report_section(self, task: Summarization, result: TaskResult, folder: Path) -> list[str]:
        """Returns a table of rows that are evenly spread over the split."""
        chosen = evenly_spread(len(result.texts))
        rows = [(result.texts[row], result.targets[row][0], result.predictions[row]) for row in chosen]
        note = f"{len(rows)} of {len(result.texts)} rows, evenly spread:"
        return [note, "", *cells_table(("text", "reference", "generated"), rows)]
