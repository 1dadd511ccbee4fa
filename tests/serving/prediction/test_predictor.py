import json
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tfmtl.core.errors import RunError
from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.prediction.predictor import Predictor, open_predictor
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
        (
            "topic",
            {"labels": ["a"]},
            r"the answer does not fit task 'topic' \(classification, 1 labels\): ",
        ),
        ("topic", {"labels": ["dogs", "cats"]}, "is not the most probable one of 2 labels"),
        ("topic", {"labels": ["cats", "cats"]}, "damaged: tasks: topic: labels: .*the label 'cats' appears twice"),
        ("topic", {"kind": "regression"}, "tasks of kind 'regression' have no labels"),
        ("topic", {"kind": "regression", "labels": []}, "signature 'serving_default' of the graph has the output"),
        ("topic", {"kind": "multi_label"}, "of the graph has the output 'topic_label'"),
        ("topic", {"text": []}, "damaged: tasks: topic: text: .*expected the name of a field"),
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


@pytest.mark.parametrize(
    "name", ["variables/variables.index", "fingerprint.pb", "assets.extra/tf_serving_warmup_requests"]
)
def test_a_version_with_a_pipe_in_it_is_not_read(light_export, tmp_path, name):
    copy = tmp_path / "1"
    shutil.copytree(light_export, copy)
    (copy / name).unlink()
    os.mkfifo(copy / name)
    for opened in (open_predictor, Servable):
        with pytest.raises(RunError, match=f"{name}: neither a file nor a folder$"):
            opened(copy)


def test_a_graph_that_is_larger_than_any_is_not_read(light_export, tmp_path):
    copy = tmp_path / "1"
    shutil.copytree(light_export, copy)
    os.truncate(copy / "saved_model.pb", 1 << 40)
    with pytest.raises(RunError, match=r"1: damaged: saved_model.pb has 1099511627776 bytes"):
        open_predictor(copy)


MOOD = {"mood": ServedTask(kind="classification", labels=("bad", "good")), "size": ServedTask(kind="regression")}
GOOD = {"mood_label": [b"good"], "mood_probabilities": [[0.25, 0.75]], "size_score": [1.5]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mood_label": [b"good", b"bad"]}, r"task 'mood' .*: 'mood_label' has the shape \(2,\) for 1 rows"),
        ({"mood_label": b"good"}, r"'mood_label' has the shape \(\) for 1 rows"),
        ({"mood_label": [3]}, "the label '3' is not the most probable one of 2 labels"),
        ({"mood_label": [[b"good", b"bad"]]}, "task 'mood'"),
        ({"mood_label": [b"zzz"]}, "the label 'zzz' is not the most probable one of 2 labels"),
        ({"mood_probabilities": [[0.5, 0.2, 0.3]]}, "task 'mood'"),
        ({"mood_probabilities": [[]]}, "task 'mood'"),
        ({"mood_probabilities": [[b"a", b"b"]]}, "task 'mood'"),
        ({"mood_probabilities": [[float("nan"), 1.0]]}, "task 'mood' .*: nan is not a finite number"),
        ({"size_score": [float("inf")]}, "task 'size' .*: inf is not a finite number"),
        ({"size_score": None}, "there is no output 'size_score'"),
        ({"size_score": [[1.0, 2.0]]}, "task 'size'"),
    ],
)
def test_answers_that_are_none_of_the_tasks_are_one_line(change, message):
    outputs = {name: tf.constant(value) for name, value in (GOOD | change).items() if value is not None}
    predictor = Predictor(MOOD, lambda **_: outputs, lambda **_: outputs, "localhost:8500")
    with pytest.raises(
        RunError, match=f"^localhost:8500: the answer does not fit .*{message.rpartition('task ')[2]}"
    ) as caught:
        predictor.answer([Row("a")])
    assert "\n" not in str(caught.value)


def test_answers_that_fit_are_shown():
    outputs = {name: tf.constant(value) for name, value in GOOD.items()}
    predictor = Predictor(MOOD, lambda **_: outputs, lambda **_: outputs, "here")
    expected = {"mood": {"label": "good", "probabilities": {"bad": 0.25, "good": 0.75}}, "size": {"score": 1.5}}
    assert predictor.answer([Row("a")]) == [expected]
