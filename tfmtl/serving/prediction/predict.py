"""Answers to a stream of rows, in their order: what `tfmtl predict` does."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tfmtl.serving.prediction.predictor import Predictor
from tfmtl.serving.prediction.rows import Row, write_jsonl

_WINDOW_BATCHES = 16
"""Batches whose rows are sorted by length together: little padding, and little that is held in memory."""


Windows = Callable[[Iterable[Row], int], Iterator[list[Row]]]
"""Cuts a stream of rows into lists of at most so many, in order."""


def full_windows(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    """Yields windows of `most` rows each, the last one excepted."""
    rows = iter(rows)
    while window := list(islice(rows, most)):
        yield window


def arrived_windows(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    """Yields the rows that have come by now, at least one: who asks one question at a time gets its answer at once."""
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
    predictor: Predictor, rows: Iterable[Row], output: Path | None = None, windows: Windows = full_windows
) -> None:
    """Answers rows and writes the answers as JSON lines.

    Args:
        predictor: of a run, an export or a server.
        rows: such as `tfmtl.serving.prediction.rows.read_jsonl` yields.
        output: the file; the standard output where it is `None` or `-`.
        windows: which rows are answered together.

    Raises:
        UserError: where a row or the output cannot be used.
    """
    answers = predict_rows(predictor, rows, windows)
    write_jsonl(tqdm(answers, unit=" texts", disable=None), output)


def predict_rows(
    predictor: Predictor, rows: Iterable[Row], windows: Windows = full_windows, batch_size: int = 32
) -> Iterator[dict[str, Any]]:
    """Yields the answers to rows in their order, such as `{"subject": {"label": "cs", "probabilities": {...}}}`.

    Rows are taken a window at a time, some batches each, so the stream may have no end; within a window, rows of like
    length are answered together.

    Args:
        predictor: of a run, an export or a server.
        rows: texts, or pairs.
        windows: which rows are sorted and batched together.
        batch_size: rows in a batch.

    Raises:
        DataError: for a row without a pair where every task reads pairs.
    """
    for window in windows(rows, batch_size * _WINDOW_BATCHES):
        for row in window:
            predictor.check(row)
        yield from _answered(predictor, window, batch_size)


def _answered(predictor: Predictor, rows: list[Row], batch_size: int) -> list[dict[str, Any]]:
    order = sorted(range(len(rows)), key=lambda index: len(rows[index].text) + len(rows[index].text_pair or ""))
    answers: list[dict[str, Any]] = [{}] * len(rows)
    for start in range(0, len(rows), batch_size):
        batch = order[start : start + batch_size]
        for index, answer in zip(batch, predictor.answer([rows[index] for index in batch]), strict=True):
            answers[index] = answer
    return answers
