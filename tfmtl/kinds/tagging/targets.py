"""Turns the values of two fields into the tags of the words of each row."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tfmtl.core.errors import DataError, listed, nearest
from tfmtl.core.values import is_absent, is_list_of_texts
from tfmtl.data.columns import RaggedColumn
from tfmtl.data.rows import Rows
from tfmtl.data.tokenized import ReadUnits
from tfmtl.kinds.labels import as_label, label_order, named, positions_of, warn_of_lookalikes
from tfmtl.kinds.tagging.options import Tagging

_logger = logging.getLogger("tfmtl")


def inferred_label_set(task: Tagging, train: Rows) -> tuple[str, ...]:
    """Returns the tags of the training rows, in sorted order.

    Raises:
        DataError: if no row has a tag, or tags and words do not fit.
    """
    found = label_order({tag for tags in _tags(task, train) for tag in tags})
    if len(found) < 2:
        shown = ", ".join(f"'{tag}'" for tag in found) or "none"
        raise DataError(f"task '{task.name}': tags differ in two ways or more, found in '{task.tags}': {shown}")
    warn_of_lookalikes(task, found)
    bilou = [f"'{tag}'" for tag in found if tag.startswith(("L-", "U-"))]
    if bilou and any(tag.startswith("B-") for tag in found):
        _logger.warning(
            "task '%s': %s mark single words here; write 'E-' for the last word of a span and 'S-' for its only one",
            task.name,
            listed(bilou),
        )
    return found


def encoded(task: Tagging, rows: Rows) -> np.ndarray:
    """Returns the tags of the words of each row, tuples in an object array `[rows]`; empty if the row has no target.

    Raises:
        DataError: if a row has more or fewer tags than words, or a tag that is not in the label set; names the first.
    """
    position_of, targets = positions_of(task.label_set), []
    for row, tags in enumerate(_tags(task, rows)):
        places = [position_of(tag) for tag in tags]
        if None in places:
            tag = tags[places.index(None)]
            known = nearest(tag, task.label_set)
            raise DataError(f"{rows.place(row)}: task '{task.name}' has no tag '{tag}'; {known}")
        targets.append(tuple(task.label_set[place] for place in places))
    return in_array(targets, len(rows))


def in_array(rows: Iterable[tuple[str, ...]], count: int) -> np.ndarray:
    """Returns tuples in an object array `[count]`."""
    array = np.empty(count, object)
    for row, values in enumerate(rows):
        array[row] = values
    return array


def padded(rows: Sequence[Sequence[str]]) -> np.ndarray:
    """Returns the tags of texts as an object array `[rows, words]`, padded with ""."""
    array = np.full((len(rows), max(map(len, rows), default=0)), "", object)
    for row, tags in enumerate(rows):
        array[row, : len(tags)] = tags
    return array


def tag_column(task: Tagging, targets: np.ndarray, read: ReadUnits) -> RaggedColumn:
    """Returns for each token 1 + the position of the tag of the word that begins there, and 0 for other tokens.

    The windows of a row without a target are absent.

    Args:
        task: the task.
        targets: the tags of each row, `[rows]`.
        read: the words of the same rows.

    Returns:
        A column with an entry for each window.
    """
    position_of = {tag: position for position, tag in enumerate(task.label_set)}
    lengths = read.numbers.lengths
    present = np.fromiter(map(len, targets), np.int64, len(targets))
    # The tags of all rows in one sequence; where a word begins, its number leads to its place there.
    tags = np.array([position_of[tag] + 1 for of_row in targets for tag in of_row] or [0], np.int32)
    first = np.repeat((np.cumsum(present) - present)[read.rows], lengths)
    is_labelled = (present > 0)[read.rows]
    is_kept = np.repeat(is_labelled, lengths)
    numbers = read.numbers.values[is_kept]
    values = np.where(numbers > 0, tags[np.where(numbers > 0, first[is_kept] + numbers - 1, 0)], 0)
    splits = np.concatenate([[0], np.cumsum(np.where(is_labelled, lengths, 0))])
    return RaggedColumn(values.astype(np.int32), splits.astype(np.int64))


def check_words(words: Sequence[str], place: str) -> None:
    """Checks that words in a list are words when they are joined to a text and split again.

    Raises:
        DataError: if one is empty or has white space in it.
    """
    for number, word in enumerate(words, start=1):
        if word.split() != [word]:
            raise DataError(f"{place}: word {number} of {len(words)} is empty or has white space in it: {word[:40]!r}")


def _tags(task: Tagging, rows: Rows) -> Iterator[list[str]]:
    """Yields the tags of each row; none if it has no target."""
    for row, (words, tags) in enumerate(zip(rows.columns[task.words], rows.columns[task.tags], strict=True)):
        if is_absent(tags) or is_absent(words):
            yield []
            continue
        place = rows.place(row)
        if is_list_of_texts(words):
            check_words(words, place)
        found = [named(tag, task.names) for tag in _labels(task, tags, place)]
        count = len(words if isinstance(words, list) else str(words).split())
        if len(found) != count:
            raise DataError(
                f"{place}: task '{task.name}': {count} words in '{task.words}', but {len(found)} tags in '{task.tags}'"
            )
        yield found


def _labels(task: Tagging, tags: Any, place: str) -> list[str]:
    parts = (
        tags if isinstance(tags, list | tuple) else str(tags).split() if isinstance(tags, str | int | float) else None
    )
    try:
        found = [as_label(part) for part in parts]
    except TypeError:
        raise DataError(
            f"{place}: '{task.tags}' of task '{task.name}' is not a list of tags: {str(tags)[:60]}"
        ) from None
    if None in found:
        raise DataError(f"{place}: '{task.tags}' of task '{task.name}': tag {found.index(None) + 1} is missing")
    return found
