import json
import threading

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.core.errors import DataError
from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.prediction.predict import arrived_windows, full_windows, predict, predict_rows
from tfmtl.serving.prediction.predictor import Predictor, open_predictor
from tfmtl.serving.prediction.rows import Row

PAIR = {"same": ServedTask(kind="regression", pair=True)}
BOTH = {"size": ServedTask(kind="regression"), **PAIR}


def counting(tasks, batches):
    """Answers with the lengths of texts and pairs in bytes; notes the longest text of each batch."""

    def function(text, text_pair):
        lengths = {"size": tf.strings.length(text), "same": tf.strings.length(text_pair)}
        batches.append([int(length) for length in lengths["size"]])
        return {f"{name}_score": tf.cast(lengths[name], tf.float32) for name in tasks}

    return Predictor(tasks, function, function, "here")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=70), st.integers(1, 3))
def test_answers_come_in_order_from_sorted_full_batches(sizes, batch_size):
    batches = []
    rows = [Row("x" * size, "y" * (9 - size)) for size in sizes]
    answers = list(predict_rows(counting(BOTH, batches), iter(rows), batch_size=batch_size))
    assert answers == [{"size": {"score": float(size)}, "same": {"score": 9.0 - size}} for size in sizes]
    assert sum(map(len, batches)) == len(sizes)
    assert all(1 <= len(batch) <= batch_size for batch in batches)


def test_rows_of_like_length_are_answered_together():
    batches = []
    list(predict_rows(counting(BOTH, batches), [Row("x" * size) for size in (5, 1, 4, 2, 3)], batch_size=2))
    assert batches == [[1, 2], [3, 4], [5]]


@pytest.mark.parametrize("windows", [full_windows, arrived_windows])
def test_a_stream_without_end_is_answered(windows):
    def endless():
        while True:
            yield Row("xx")

    answers = predict_rows(counting(BOTH, []), endless(), windows)
    assert [next(answers) for _ in range(100)] == [{"size": {"score": 2.0}}] * 100


def test_what_has_come_is_answered_before_more_comes():
    answered = threading.Semaphore(0)

    def conversation():
        for size in (3, 1, 2):
            yield Row("x" * size)
            assert answered.acquire(timeout=30)

    scores = []
    for answer in predict_rows(counting(BOTH, []), conversation(), arrived_windows):
        scores.append(answer["size"]["score"])
        answered.release()
    assert scores == [3.0, 1.0, 2.0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50), st.integers(1, 8))
def test_windows_hold_every_row_once_in_order(count, most):
    rows = [Row(str(number)) for number in range(count)]
    for windows in (full_windows, arrived_windows):
        found = list(windows(iter(rows), most))
        assert [row for window in found for row in window] == rows
        assert all(1 <= len(window) <= most for window in found)


def test_an_error_of_the_rows_comes_after_what_came_before_it():
    def broken():
        yield Row("x")
        raise DataError("texts.jsonl:2: not JSON")

    windows = arrived_windows(broken(), 4)
    assert next(windows) == [Row("x")]
    with pytest.raises(DataError, match=r"texts\.jsonl:2: not JSON"):
        next(windows)


def test_pair_tasks_are_left_out_of_a_row_without_a_pair():
    rows = [Row("a"), Row("a", ""), Row("a", "bb")]
    assert list(predict_rows(counting(BOTH, []), rows)) == [
        {"size": {"score": 1.0}},
        {"size": {"score": 1.0}, "same": {"score": 0.0}},
        {"size": {"score": 1.0}, "same": {"score": 2.0}},
    ]


def test_a_row_that_no_task_can_answer_is_told_with_its_place():
    rows = [Row("a", "b", "texts.jsonl:1"), Row("a", None, "texts.jsonl:2")]
    with pytest.raises(DataError, match=r"texts.jsonl:2: there is no 'text_pair', and every task \(same\) reads pairs"):
        list(predict_rows(counting(PAIR, []), rows))


def test_so_is_a_pair_that_no_task_would_read():
    rows = [Row("a"), Row("a", "", "texts.jsonl:2"), Row("a", "b", "texts.jsonl:3")]
    with pytest.raises(DataError, match=r"texts.jsonl:3: this is a pair, and every task \(size\) reads one text"):
        list(predict_rows(counting({"size": BOTH["size"]}, []), rows))


def test_an_export_predicts_into_a_file(export, export_answerer, tmp_path):
    rows = [Row("the cat sleeps", "a puppy"), Row("the dog")]
    predict(open_predictor(export), rows, tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line) for line in lines]
    assert [list(answer) for answer in answers] == [["topic", "title", "same", "stars"], ["topic", "title", "stars"]]
    for found, expected in zip(answers, export_answerer.answer(rows), strict=True):
        assert found["title"] == expected["title"]
        assert found["stars"]["score"] == pytest.approx(expected["stars"]["score"], rel=1e-5)


def test_rows_with_errors_keep_their_places_and_are_counted(tmp_path, caplog):
    rows = [
        Row("aa", "b", carried={"id": 1}),
        Row("", carried={"id": 2}, error="f:2: nothing"),
        Row("a", None, "f:3", {"id": 3}),
        Row("aaa", "cc", carried={"id": 4}),
    ]
    batches = []
    predictor = counting(PAIR, batches)
    with caplog.at_level("WARNING", "tfmtl"):
        predict(predictor, rows, tmp_path / "out.jsonl", on_error="report")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": 1, "same": {"score": 1.0}},
        {"id": 2, "error": "f:2: nothing"},
        {"id": 3, "error": "f:3: there is no 'text_pair', and every task (same) reads pairs"},
        {"id": 4, "same": {"score": 2.0}},
    ]
    assert batches == [[2, 3]]
    assert caplog.messages == ["2 of 4 rows could not be answered; their lines have an 'error'"]
