import json

import numpy as np
import pytest

from tfmtl.config.options import EvaluationOptions
from tfmtl.core.errors import DataError, RunError
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.metrics.scoring import evaluate_task, quick_scores, validation_score, write_evaluation

SUBJECT = Classification(name="subject", source="s", labels=("a", "b"))
SCORE = Regression(name="score", source="s")
TITLE = Summarization(name="title", source="s")
OPTIONS = EvaluationOptions(bootstrap_samples=200)

ROWS = {
    SUBJECT: (np.array([0, -1, 1, 1]), np.array([[0.9, 0.1], [0.9, 0.1], [0.8, 0.2], [0.1, 0.9]], np.float32)),
    SCORE: (np.array([1.0, np.nan, 2.0, 3.0], np.float32), np.array([2.0, 0.0, 4.0, 6.0], np.float32)),
    TITLE: ([("a b",), (), ("c d", "e"), ("f",)], ["a b", "x", "e", "g"]),
}


@pytest.mark.parametrize(("task", "rows"), ROWS.items(), ids=lambda value: getattr(value, "name", ""))
def test_absent_targets_are_left_out(task, rows):
    assert evaluate_task(task, *rows, OPTIONS, seed=0)["examples"] == 3


def test_values():
    assert quick_scores(SUBJECT, *ROWS[SUBJECT])["accuracy"] == pytest.approx(2 / 3)
    assert quick_scores(SCORE, *ROWS[SCORE]) == pytest.approx({"pearson": 1.0, "spearman": 1.0})
    assert quick_scores(TITLE, *ROWS[TITLE])["rouge1"] == pytest.approx(2 / 3)


def test_references_may_be_an_object_array():
    references, summaries = ROWS[TITLE]
    array = np.empty(4, object)
    array[:] = references
    assert quick_scores(TITLE, array, summaries) == quick_scores(TITLE, references, summaries)


def test_an_interval_for_each_metric_and_the_same_for_the_same_seed():
    for task, rows in ROWS.items():
        result = evaluate_task(task, *rows, OPTIONS, seed=1)
        pieces = ["tokenization"] if task.kind == "summarization" else []
        assert list(result) == [*task.all_metrics, "intervals", "examples", *pieces]
        if pieces:
            assert result["tokenization"] == dict.fromkeys(task.all_metrics, "rouge_score")
        assert list(result["intervals"]) == list(task.all_metrics)
        for low, high in result["intervals"].values():
            assert low <= high
        assert result == evaluate_task(task, *rows, OPTIONS, seed=1)


def test_without_a_labelled_row_there_is_no_metric():
    nothing = np.array([-1, -1]), np.full((2, 2), 0.5)
    assert evaluate_task(SUBJECT, *nothing, OPTIONS, seed=0) == {"intervals": {}, "examples": 0}
    assert quick_scores(SUBJECT, *nothing) == {}
    assert evaluate_task(TITLE, [], [], OPTIONS, seed=0)["examples"] == 0


def test_a_prediction_that_is_not_finite_is_told():
    with pytest.raises(RunError, match="task 'score': 1 of 2 predictions are not finite numbers"):
        quick_scores(SCORE, np.array([1.0, 2.0]), np.array([np.nan, 2.0]))
    with pytest.raises(RunError, match="task 'subject': 2 of 2"):
        quick_scores(SUBJECT, np.array([0, 1]), np.array([[np.nan, 1.0], [np.inf, 0.0]]))


def test_rows_must_match():
    with pytest.raises(ValueError, match="task 'title': 1 targets, but 2 predictions"):
        quick_scores(TITLE, [("a",)], ["a", "b"])


def test_validation_score_is_the_mean_of_primary_metrics_with_correlations_from_zero():
    tasks = {"subject": SUBJECT, "score": SCORE, "title": TITLE}
    scores = {"subject": {"accuracy": 0.8, "f1_macro": 0.1}, "score": {"spearman": -0.5}, "title": {}}
    assert validation_score(tasks, scores) == pytest.approx((0.8 + 0.0) / 2)
    with pytest.raises(DataError, match="validation: no row has a target"):
        validation_score(tasks, {})


def test_write_evaluation(tmp_path):
    path = tmp_path / "run" / "evaluation_test.json"
    metrics = {task.name: evaluate_task(task, *rows, OPTIONS, seed=0) for task, rows in ROWS.items()}
    write_evaluation(path, {"split": "test", "tasks": metrics})
    assert json.loads(path.read_text()) == {"split": "test", "tasks": metrics}
    assert [file.name for file in path.parent.iterdir()] == ["evaluation_test.json"]


def test_nan_is_never_written_and_an_older_file_stays(tmp_path):
    path = tmp_path / "evaluation_test.json"
    path.write_text("before")
    with pytest.raises(ValueError, match="JSON"):
        write_evaluation(path, {"split": "test", "tasks": {"subject": {"accuracy": float("nan")}}})
    assert path.read_text() == "before"
