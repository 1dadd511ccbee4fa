"""Answers a stream of rows in order, for `tfmtl predict`."""

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tfmtl.core.errors import DataError
from tfmtl.serving.prediction.explain import AnyPredictor
from tfmtl.serving.prediction.rows import OnError, Row, write_jsonl

_logger = logging.getLogger("tfmtl")

_WINDOW_BATCHES = 16
"""The number of batches whose rows are sorted by length together, for little padding and little memory."""


Windows = Callable[[Iterable[Row], int], Iterator[list[Row]]]
"""Cuts a stream of rows into lists of at most the given length, in order."""


def full_windows(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    """Yields windows of `most` rows each, except for the last one."""
    rows = iter(rows)
    while window := list(islice(rows, most)):
        yield window


def arrived_windows(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    """Yields the rows that have arrived, at least one, so that a client with one question at a time need not wait."""
    arrived: queue.Queue = queue.Queue(maxsize=most)

    def read() -> None:
        try:
            for row in rows:
                arrived.put(row)
            arrived.put(None)
        except Exception as error:
            arrived.put(error)

    threading.Thread(target=read, daemon=True).start()
    end: list = []
    while not end:
        window = [arrived.get()]
        while len(window) < most and not arrived.empty():
            window.append(arrived.get())
        if not isinstance(window[-1], Row):
            end = [window.pop()]
        if window:
            yield window
    if end[0] is not None:
        raise end[0]


def predict(
    predictor: AnyPredictor,
    rows: Iterable[Row],
    output: Path | None = None,
    windows: Windows = full_windows,
    on_error: OnError = "stop",
) -> None:
    """Answers rows and writes the answers as JSON lines; says how many rows could not be answered, if any.

    Args:
        predictor: the predictor of a run, an export or a server.
        rows: the rows, such as those of `tfmtl.serving.prediction.rows.rows_of`.
        output: the path of the file; `None` or `-` means the standard output.
        windows: the function that chooses the rows that are answered together.
        on_error: what happens at a row that cannot be answered.

    Raises:
        UserError: if a row or the output cannot be used.
    """
    failed = total = 0

    def counted() -> Iterator[dict[str, Any]]:
        nonlocal failed, total
        for answer in predict_rows(predictor, rows, windows, on_error=on_error):
            total += 1
            failed += "error" in answer
            yield answer

    write_jsonl(tqdm(counted(), unit=" texts", disable=None), output)
    if failed:
        _logger.warning("%d of %d rows could not be answered; their lines have an 'error'", failed, total)


def predict_rows(
    predictor: AnyPredictor,
    rows: Iterable[Row],
    windows: Windows = full_windows,
    batch_size: int = 32,
    on_error: OnError = "stop",
) -> Iterator[dict[str, Any]]:
    """Yields the answers to rows in their order, such as `{"subject": {"label": "cs", "probabilities": {...}}}`.

    They begin with what the rows carry. A row with an error has `{"error": ...}`.

    Rows are taken in windows of several batches, so that the stream may be endless; within a window, rows of similar
    length are answered together.

    Args:
        predictor: the predictor of a run, an export or a server.
        rows: texts, or pairs.
        windows: the function that chooses the rows that are sorted and batched together.
        batch_size: the number of rows in a batch.
        on_error: what happens at a row that cannot be answered.

    Raises:
        DataError: if a row has no pair and every task reads pairs, or has one and no task does, and `on_error` is
            `stop`.
    """
    for window in windows(rows, batch_size * _WINDOW_BATCHES):
        yield from _answered(predictor, [_checked(predictor, row, on_error) for row in window], batch_size)


def _checked(predictor: AnyPredictor, row: Row, on_error: OnError) -> Row:
    if row.error is not None:
        return row
    try:
        predictor.check(row)
    except DataError as error:
        if on_error == "stop":
            raise
        return replace(row, error=str(error))
    return row


def _answered(predictor: AnyPredictor, rows: list[Row], batch_size: int) -> list[dict[str, Any]]:
    asked = [index for index, row in enumerate(rows) if row.error is None]
    order = sorted(asked, key=lambda index: len(rows[index].text) + len(rows[index].text_pair or ""))
    answers = [{**row.carried, **({} if row.error is None else {"error": row.error})} for row in rows]
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        for index, answer in zip(batch, predictor.answer([rows[index] for index in batch]), strict=True):
            answers[index] |= answer
    return answers
