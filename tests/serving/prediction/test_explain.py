import json

import numpy as np
import pytest
import tensorflow as tf

import tfmtl
from tfmtl.cli import main
from tfmtl.core.errors import UserError
from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.prediction.explain import ExplainingPredictor, explanation, joined_answers, without, words_of
from tfmtl.serving.prediction.predict import predict_rows
from tfmtl.serving.prediction.predictor import Predictor
from tfmtl.serving.prediction.rows import Row

MOOD = ServedTask(kind="classification", labels=("bad", "good"))
LENGTH = ServedTask(kind="regression")
TAGS = ServedTask(kind="multi_label", labels=("animal", "plant"))


def spans(text: str) -> list[str]:
    found = words_of(Row(text))
    assert all(text[word.start : word.end] == word.word for word in found)
    return [word.word for word in found]


def test_words_are_those_of_any_script_in_their_places():
    assert spans("It's  a (very) good day, 3.5/5 \U0001f600!") == [
        *("It's", "a", "very", "good", "day", "3", "5", "5", "\U0001f600")
    ]
    assert spans("Привет, мир") == ["Привет", "мир"]
    assert spans("退款ok") == ["退", "款", "ok"]
    assert spans("हिन्दी भाषा") == ["हिन्दी", "भाषा"]
    assert spans("") == spans("...") == []


def test_a_word_is_left_out_with_one_space():
    row = Row("a good day", "good one")
    words = words_of(row)
    assert [word.field for word in words] == ["text"] * 3 + ["text_pair"] * 2
    assert [without(row, word).text for word in words[:3]] == ["good day", "a day", "a good "]
    assert without(row, words[3]).text_pair == "one" and without(row, words[3]).text == row.text


def logistic(number):
    return 1.0 / (1.0 + np.exp(-number))


def counting(batches=None):
    """Odds of e for `good` for each `good`, against it for each `bad`; the score is the number of bytes."""

    def function(text):
        texts = [value.decode().split() for value in text.numpy()]
        if batches is not None:
            batches.append(len(texts))
        odds = np.array([words.count("good") - words.count("bad") for words in texts], np.float32)
        good = logistic(odds)
        return {
            "mood_label": tf.constant(np.where(good > 0.5, b"good", b"bad")),
            "mood_probabilities": tf.constant(np.stack([1 - good, good], axis=1)),
            "length_score": tf.cast(tf.strings.length(text), tf.float32),
        }

    return Predictor({"mood": MOOD, "length": LENGTH}, function, function, "here")


def test_the_weight_of_a_word_is_what_the_answer_loses_without_it():
    (answer,) = predict_rows(ExplainingPredictor(counting()), [Row("good bad and good")])
    assert answer["mood"]["label"] == "good"
    weights = {entry["start"]: (entry["word"], entry["weight"]) for entry in answer["mood"]["explanation"]}
    assert weights == {
        0: ("good", pytest.approx(logistic(1) - logistic(0), abs=1e-6)),
        5: ("bad", pytest.approx(logistic(1) - logistic(2), abs=1e-6)),
        9: ("and", pytest.approx(0.0, abs=1e-6)),
        13: ("good", pytest.approx(logistic(1) - logistic(0), abs=1e-6)),
    }
    # A word and the space behind it, or before it at the end, where it stays.
    assert [entry["weight"] for entry in answer["length"]["explanation"]] == [5.0, 4.0, 4.0, 4.0]
    assert set(answer["length"]["explanation"][0]) == {"word", "start", "end", "weight"}


def test_the_label_that_is_said_is_explained_whichever_it_is():
    (answer,) = predict_rows(ExplainingPredictor(counting()), [Row("bad")])
    (entry,) = answer["mood"]["explanation"]
    assert entry["weight"] == pytest.approx(logistic(1) - logistic(0), abs=1e-6)


def test_words_are_left_out_in_batches():
    batches = []
    answers = list(predict_rows(ExplainingPredictor(counting(batches)), [Row("a " * 70), Row("")]))
    assert [len(answer["mood"]["explanation"]) for answer in answers] == [70, 0]
    assert sorted(batches) == sorted([2, 1, 32, 32, 7])


def test_several_labels_are_explained_each_by_itself():
    answer = {
        "probabilities": np.float32([[0.9, 0.7], [0.4, 0.75]]),
        "selected": np.array([[True, True], [False, True]]),
    }
    found = explanation(TAGS, answer, words_of(Row("cat")))
    assert [(entry["label"], entry["word"]) for entry in found] == [("animal", "cat"), ("plant", "cat")]
    assert [entry["weight"] for entry in found] == [pytest.approx(0.5), pytest.approx(-0.05)]
    none = {**answer, "selected": np.zeros([2, 2], bool)}
    assert explanation(TAGS, none, words_of(Row("cat"))) == []


def test_words_of_a_pair_say_their_field_and_others_only_those_of_their_text():
    row = Row("cat", "dog")
    scores = {"score": np.float32([1.0, 0.75, 0.5])}
    pair = explanation(ServedTask(kind="regression", pair=True), scores, words_of(row))
    assert [(entry["field"], entry["weight"]) for entry in pair] == [("text", 0.25), ("text_pair", 0.5)]
    assert [entry["word"] for entry in explanation(LENGTH, scores, words_of(row))] == ["cat"]


def test_what_cannot_be_explained_is_told():
    written = Predictor({"title": ServedTask(kind="summarization")}, dict, dict, "here")
    with pytest.raises(UserError, match="predict: no answer of this model can be explained; it has title"):
        ExplainingPredictor(written)


def test_a_run_and_its_export_explain_alike(run, export, capsys):
    text = "the cat sleeps"
    (answer,) = tfmtl.load(run).predict([text], explain=True)
    assert "explanation" not in answer["title"]
    without_cat = tfmtl.predict(run, ["the sleeps"])[0]["topic"]["probabilities"][answer["topic"]["label"]]
    cat = answer["topic"]["explanation"][1]
    assert (cat["word"], cat["start"], cat["end"]) == ("cat", 4, 7)
    expected = answer["topic"]["probabilities"][answer["topic"]["label"]] - without_cat
    assert cat["weight"] == pytest.approx(expected, abs=1e-5)
    with pytest.raises(SystemExit) as stopped:
        main(["predict", str(export), "--explain", text])
    assert not stopped.value.code
    served = json.loads(capsys.readouterr().out)
    for task in ("topic", "stars"):
        found, entries = served[task]["explanation"], answer[task]["explanation"]
        assert [entry["word"] for entry in found] == [entry["word"] for entry in entries] == text.split()
        assert [entry["weight"] for entry in found] == pytest.approx([e["weight"] for e in entries], abs=1e-4)


def test_answers_that_come_in_parts_are_joined_whatever_other_tasks_say():
    task = ServedTask(kind="regression")
    parts = [
        {"stars_score": np.float32([1, 2]), "tags_tags": np.array([["a", "b"]] * 2, object)},
        {"stars_score": np.float32([3]), "tags_tags": np.array([["a"]], object)},
    ]
    (found,) = joined_answers(parts, {"stars": task}).values()
    assert found["score"].tolist() == [1.0, 2.0, 3.0]
