import shutil

import pytest

from tfmtl.api.predict import predict
from tfmtl.core.errors import RunError, UserError


def test_texts_have_the_answers_of_their_tasks_and_pairs_those_of_all(answers):
    assert [list(answer) for answer in answers] == [["topic", "title", "stars"]] * 6 + [
        ["topic", "title", "same", "stars"]
    ] * 6
    for answer in answers:
        assert sum(answer["topic"]["probabilities"].values()) == pytest.approx(1.0, abs=1e-6)


def test_a_bare_text_is_refused_before_the_model_is_opened(tmp_path):
    with pytest.raises(UserError) as caught:
        predict(tmp_path / "none", "the cat sleeps")
    assert str(caught.value) == "predict: expected several texts, found one; put it into a list"
    with pytest.raises(RunError) as caught:
        predict(tmp_path / "none", ["the cat sleeps"])
    assert str(caught.value) == f"{tmp_path}/none: there is no such run or export folder"


@pytest.mark.parametrize("rows", [None, 3])
def test_what_holds_no_rows_is_refused(tmp_path, rows):
    with pytest.raises(UserError, match=rf"^predict: expected texts, pairs of texts or a table, found {rows}$"):
        predict(tmp_path / "none", rows)


@pytest.mark.parametrize("text", [("a", "b", "c"), b"ab", (1, 2), None, 3, ()])
def test_what_is_neither_a_text_nor_a_pair_is_refused(tmp_path, text):
    with pytest.raises(UserError, match=r"^predict: expected a text, or a pair of texts, found "):
        predict(tmp_path / "none", ["the cat sleeps", text])


def test_a_run_without_a_best_model_cannot_be_asked(run, tmp_path):
    begun = shutil.copytree(run.path, tmp_path / "begun", ignore=shutil.ignore_patterns("*.keras"))
    with pytest.raises(RunError) as caught:
        predict(begun, ["the cat sleeps"])
    assert str(caught.value) == f"{begun}: no epoch of this run has been finished, or its best.keras was removed"
