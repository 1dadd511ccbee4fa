import json
import shutil

import numpy as np
import pytest

from tfmtl.core.errors import RunError
from tfmtl.serving.prediction.predictor import open_predictor
from tfmtl.serving.prediction.rows import Row
from tfmtl.serving.server.servable import Servable


def close(found, expected) -> bool:
    """Whether nested answers agree: numbers to 1e-5, all else exactly."""
    if isinstance(found, dict):
        return list(found) == list(expected) and all(close(found[key], expected[key]) for key in found)
    return np.isclose(found, expected, rtol=1e-5, atol=1e-5) if isinstance(found, float) else found == expected


def test_a_run_and_its_export_answer_alike(run_answerer, export_answerer, odd_texts):
    rows = [Row(text, odd_texts[-1 - index]) for index, text in enumerate(odd_texts)]
    found, expected = export_answerer.answer(rows), run_answerer.answer(rows)
    assert close(found, expected)
    assert list(found[0]) == ["topic", "title", "same", "stars"]
    assert len({row["stars"]["score"] for row in found}) == len(rows)


def test_answers_have_the_form_of_the_contract(export_answerer):
    (answer,) = export_answerer.answer([Row("the cat sleeps", "the dog")])
    probabilities = answer["topic"]["probabilities"]
    assert list(probabilities) == ["cats", "dogs"]
    assert answer["topic"]["label"] == max(probabilities, key=probabilities.get)
    assert sum(probabilities.values()) == pytest.approx(1.0, abs=1e-6)
    assert isinstance(answer["stars"]["score"], float)
    assert isinstance(answer["title"]["summary"], str)


def test_a_lone_surrogate_is_answered(export_answerer):
    assert export_answerer.answer([Row("a \ud800 b")]) == export_answerer.answer([Row("a ? b")])


def test_no_rows_have_no_answers(export_answerer):
    assert export_answerer.answer([]) == []


def test_a_folder_that_is_neither_run_nor_export_is_told(tmp_path):
    with pytest.raises(RunError, match="there is no such run or export folder"):
        open_predictor(tmp_path / "none")
    with pytest.raises(RunError, match=r"neither a run \(no config.yaml\) nor an export"):
        open_predictor(tmp_path)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(RunError, match="1: not an export of tfmtl"):
        open_predictor(tmp_path)


def test_a_damaged_export_is_told_in_one_line(export, tmp_path):
    copy = tmp_path / "1"
    shutil.copytree(export, copy)
    (copy / "saved_model.pb").write_bytes(b"x" * 100)
    with pytest.raises(RunError, match=r"1: damaged: [^\n]*$"):
        open_predictor(copy)


@pytest.mark.parametrize(
    ("task", "change", "message"),
    [
        ("topic", {"labels": ["a"]}, r"metadata.json: task 'topic' \(classification, 1 labels\) does not fit what is"),
        ("topic", {"kind": "regression"}, "signature 'serving_default' of the graph has the output 'topic_label'"),
        ("topic", {"kind": "multi_label"}, "of the graph has the output 'topic_label'"),
        ("topic", {"options": {"top_k": -1}}, "damaged: tasks: topic: options: .*greater than or equal to 1"),
        ("topic", {"options": {"topk": 1}}, "there is no option 'topk'; did you mean 'top_k'"),
        ("same", {"pair": False}, "signature 'serving_default' of the graph reads text, text_pair, not text$"),
        ("foreign", {"kind": "regression"}, "of the graph lacks the output 'foreign_score'"),
        ("stars", None, "of the graph has the output 'stars_score'"),
    ],
)
def test_a_description_that_does_not_fit_its_graph_is_told_in_one_line(light_export, tmp_path, task, change, message):
    copy = tmp_path / "1"
    shutil.copytree(light_export, copy)
    path = copy / "metadata.json"
    described = json.loads(path.read_text())
    if change is None:
        del described["tasks"][task]
    else:
        described["tasks"][task] = described["tasks"].get(task, {}) | change
    path.write_text(json.dumps(described))
    for opened in (open_predictor, Servable):
        with pytest.raises(RunError, match=message) as caught:
            opened(copy)
        assert "\n" not in str(caught.value)
