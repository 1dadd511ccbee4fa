import numpy as np
import pytest

from tests.reports.results import SCORE, SUBJECT, TEXTS, TITLE
from tfmtl.reports.task_result import SAMPLES, cells_table, evenly_spread


def test_predictions_are_what_metrics_read_of_the_answer():
    assert SUBJECT.predictions is SUBJECT.answer["probabilities"]
    assert SCORE.predictions is SCORE.answer["score"]
    assert TITLE.predictions is TITLE.answer["summary"]


@pytest.mark.parametrize("result", [SCORE, TITLE], ids=["score", "title"])
def test_rows_without_a_target_are_left_out_of_all_that_stands_beside_them(result):
    kept = {"score": [0, 2], "title": [0, 1]}[result.task.name]
    labelled = result.labelled()
    assert labelled.texts.tolist() == [TEXTS[row] for row in kept]
    assert list(labelled.targets) == [result.targets[row] for row in kept]
    assert list(labelled.predictions) == [result.predictions[row] for row in kept]
    assert labelled.metrics == result.metrics


@pytest.mark.parametrize("rows", [1, 3, SAMPLES, 100])
def test_a_few_rows_are_chosen_from_the_first_to_the_last(rows):
    chosen = evenly_spread(rows)
    assert len(chosen) == min(rows, SAMPLES)
    assert (chosen[0], chosen[-1]) == (0, rows - 1)
    assert np.ptp(np.diff(chosen)) <= 1 if rows > 1 else True


def test_of_no_rows_none_are_chosen():
    assert evenly_spread(0).tolist() == []


def test_cells_are_shown_as_they_are_and_long_ones_without_their_end():
    head, _, row = cells_table(("text", "true"), [("a | *b*\nc", "x" * 1000)])
    assert head == "| text | true |"
    assert row.startswith("| a \\| \\*b\\* c | xxx")
    assert len(row) < 350 and "\u2026" in row
