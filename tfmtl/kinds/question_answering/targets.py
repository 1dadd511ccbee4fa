"""Turns the answers in the data into targets, and these into the tokens at which they begin and end."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfmtl.core.errors import DataError
from tfmtl.core.values import is_absent
from tfmtl.data.columns import DenseColumn, RaggedColumn
from tfmtl.data.rows import Rows
from tfmtl.data.texts import text_of_fields
from tfmtl.data.tokenized import ReadUnits
from tfmtl.data.units import Units
from tfmtl.kinds.question_answering.options import QuestionAnswering
from tfmtl.kinds.task import field_names

_logger = logging.getLogger("tfmtl")
_SPLIT_AT_ONCE = 512


class TrueAnswer(NamedTuple):
    """An answer to a question.

    Attributes:
        text: the answer; empty if the context does not answer the question.
        start: its offset in the context, in characters.
    """

    text: str
    start: int


NO_ANSWER = TrueAnswer("", 0)
"""What the target of a row holds if its context does not answer the question."""


def encoded(task: QuestionAnswering, rows: Rows) -> np.ndarray:
    """Returns the answers of each row, tuples in an object array `[rows]`; empty if the row has no target.

    Raises:
        DataError: if a value is not made of answers, or an answer is not where it is said to be; names the first one.
    """
    targets = []
    for row, value in enumerate(rows.columns[task.answers]):
        fields = {field: rows.columns[field][row] for field in field_names(task.text_pair)}
        context = text_of_fields(fields, rows.place(row))
        if is_absent(value) or is_absent(context):
            targets.append(())
            continue
        place = f"{rows.place(row)}: '{task.answers}' of task '{task.name}'"
        found = [_checked(answer, context, place) for answer in _answers(value, place)]
        targets.append(tuple(found) or (NO_ANSWER,))
    return in_array(targets)


def in_array(rows: Sequence[tuple[TrueAnswer, ...]]) -> np.ndarray:
    """Returns tuples in an object array `[rows]`."""
    array = np.empty(len(rows), object)
    for row, values in enumerate(rows):
        array[row] = values
    return array


def span_column(task: QuestionAnswering, targets: np.ndarray, read: ReadUnits, units: Units, split: str) -> DenseColumn:
    """Returns the first tokens of the first and the last unit of each row's first answer, int32 `[windows, 2]`.

    They are 0, the start mark, in windows without an answer; and -1 if the row has no target, or has an answer that is
    in none of its windows as a whole.

    Args:
        task: the task.
        targets: the answers of each row, `[rows]`.
        read: the units of the same rows.
        units: the way in which contexts are cut.
        split: the name of the rows' split, for the message that says how many answers are in no window.
    """
    column = np.full((len(read.numbers), 2), -1, np.int32)
    torn = 0
    for start in range(0, len(targets), _SPLIT_AT_ONCE):
        texts = tf.constant([text.encode() for text in read.texts[start : start + _SPLIT_AT_ONCE]], tf.string)
        begins, ends = (offsets.to_list() for offsets in units.split(texts)[1:])
        for row, answers in enumerate(targets[start : start + _SPLIT_AT_ONCE], start):
            if not answers:
                continue
            windows = slice(read.splits[row], read.splits[row + 1])
            if answers[0] == NO_ANSWER:
                column[windows] = 0
                continue
            span = _units_of(answers[0], read.texts[row], begins[row - start], ends[row - start])
            places = [_places(read.numbers, window, span) for window in range(*windows.indices(len(column)))]
            column[windows] = places if np.any(places) else -1
            torn += not np.any(places)
    if torn:
        answered = sum(bool(answers) and answers[0] != NO_ANSWER for answers in targets)
        _logger.warning(
            "task '%s': %d of %d %s answers (%.1f %%) are in no row of model.encoder.max_length tokens as a whole and "
            "have no part in the loss",
            task.name,
            torn,
            answered,
            split,
            100 * torn / answered,
        )
    return DenseColumn(column)


def _places(numbers: RaggedColumn, window: int, span: tuple[int, int]) -> tuple[int, int]:
    """Returns the tokens of a window at which the first and the last unit of a span begin; 0 if it lacks one."""
    of_window = numbers.values[numbers.splits[window] : numbers.splits[window + 1]]
    places = [np.flatnonzero(of_window == number) for number in span]
    return tuple(int(place[0]) for place in places) if all(map(len, places)) else (0, 0)


def _units_of(answer: TrueAnswer, text: str, begins: Sequence[int], ends: Sequence[int]) -> tuple[int, int]:
    """Returns the numbers, from 1, of the units in which an answer begins and ends; offsets of units are in bytes."""
    first = len(text[: answer.start].encode())
    end = first + len(answer.text.encode())
    return int(np.searchsorted(ends, first, side="right")) + 1, int(np.searchsorted(begins, end, side="left"))


def _answers(value: Any, place: str) -> list[tuple[Any, Any]]:
    """Returns the texts and the offsets of answers, as they are written."""
    if isinstance(value, Mapping):
        texts, starts = (value.get(key) for key in ("text", "start" if "start" in value else "answer_start"))
        if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
            raise DataError(f"{place} has no lists 'text' and 'start' of the same length: {str(value)[:60]}")
        return list(zip(texts, starts, strict=True))
    if not isinstance(value, list | tuple):
        raise DataError(f"{place} is not a list of answers: {str(value)[:60]}")
    for answer in value:
        if not isinstance(answer, Mapping) or "text" not in answer or not {"start", "answer_start"} & answer.keys():
            raise DataError(f"{place}: expected answers with a 'text' and a 'start', found {str(answer)[:60]}")
    return [(answer["text"], answer.get("start", answer.get("answer_start"))) for answer in value]


def _checked(answer: tuple[Any, Any], context: str, place: str) -> TrueAnswer:
    text, start = answer
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"{place}: an answer is no text: {str(text)[:60]!r}; an empty list means that there is none")
    if isinstance(start, bool) or not isinstance(start, int) or start < 0 or not context.startswith(text, start):
        where = context.find(text)
        known = f"it is at {where}" if where >= 0 else "it is nowhere in the context"
        raise DataError(f"{place}: {text[:40]!r} is not at character {start}; {known}")
    return TrueAnswer(text, start)
