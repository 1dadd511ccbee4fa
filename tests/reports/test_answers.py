import json

import numpy as np
import pytest

from tests.reports.results import SCORE, SUBJECT, TEXTS, TITLE
from tfmtl.core.errors import RunError
from tfmtl.reports.answers import read_answers, write_answers

TASKS = {result.task.name: result.task for result in (SUBJECT, SCORE, TITLE)}


@pytest.fixture
def path(tmp_path):
    write_answers(tmp_path / "answers.jsonl", [SUBJECT, SCORE, TITLE])
    return tmp_path / "answers.jsonl"


def test_a_line_says_what_predict_says_beside_the_target(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["task"] for line in lines] == ["subject"] * 3 + ["score"] * 2 + ["title"] * 2
    assert lines[1] == {
        "task": "subject",
        "text": "second\ntext",
        "target": "physics",
        "prediction": {"label": "math", "probabilities": {"math": 0.6, "physics": 0.4}},
    }
    assert lines[4] == {"task": "score", "text": TEXTS[2], "target": 3.0, "prediction": {"score": 1.0}}
    assert lines[5]["target"] == ["ref one"] and lines[5]["prediction"] == {"summary": "one"}


def test_what_is_read_is_what_was_written_without_rows_that_have_no_target(path):
    found = read_answers(path, TASKS)
    np.testing.assert_array_equal(found["subject"].targets, SUBJECT.targets)
    np.testing.assert_array_equal(found["subject"].predictions, SUBJECT.predictions)
    np.testing.assert_array_equal(found["score"].targets, [1.0, 3.0])
    np.testing.assert_array_equal(found["score"].predictions, [1.5, 1.0])
    assert found["title"].targets == [("ref one",), ("ref *two*",)]
    assert found["title"].predictions.tolist() == ["one", "two"]
    assert found["score"].texts == [TEXTS[0], TEXTS[2]]


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"task": "other"}', '{"task": "subject", "text": "a", "target": "biology", "prediction": {}}'],
)
def test_a_damaged_file_is_told(path, line):
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(RunError, match=r"answers.jsonl: damaged .*; evaluate the run again"):
        read_answers(path, TASKS)
