from types import SimpleNamespace

import pytest
import tensorflow as tf

from tests.kinds.made_up import encoded, examples, objects, predicted
from tests.kinds.translation.made_up import TASK
from tfmtl.config.options import ModelOptions
from tfmtl.kinds.kind import HeadContext, kind_named
from tfmtl.kinds.translation.options import Translation
from tfmtl.metrics.scoring import quick_scores
from tfmtl.reports.task_result import TaskResult

KIND = kind_named("translation")


def test_targets_are_one_reference_or_several():
    targets = encoded(TASK, ["ein Hund", ["ein Hund", "ein Rüde", ""], None, []])
    assert targets.tolist() == [("ein Hund",), ("ein Hund", "ein Rüde"), (), ()]


def test_metrics_read_all_references():
    scores = quick_scores(
        TASK, objects([("ein Rüde rennt sehr schnell", "der Hund läuft im Park")]), ["der Hund läuft im Park"]
    )
    assert scores == pytest.approx({"chrf": 1.0, "bleu": 1.0})


@pytest.mark.parametrize("of_the_model", [None, True, False])
@pytest.mark.parametrize(("of_the_task", "copies"), [({}, False), ({"copy": True}, True), ({"copy": False}, False)])
def test_it_copies_only_if_the_task_says_so(of_the_model, of_the_task, copies):
    options = ModelOptions.model_validate({"decoder": {"copy": of_the_model}})
    task = Translation(name="german", source="s", label_smoothing=0.1, **of_the_task)
    head = KIND.head(task, HeadContext(SimpleNamespace(dtype_policy="float32", can_write=False), options, None))
    assert (head.name, head.copy_source) == ("german", copies)
    assert head.get_config()["label_smoothing"] == 0.1


def test_an_answer_is_the_text_itself():
    said = tf.constant(["ein Hund"])
    assert KIND.answer(TASK, said, None) == {"translation": said}
    assert KIND.as_json({"translation": objects(["ein Hund", "b"])}, 0, ()) == {"translation": "ein Hund"}


def test_baselines_are_the_text_itself_and_a_training_row():
    train = examples(TASK, ["a dog runs", "two cats"], objects([("ein Hund rennt",), ("zwei Katzen",)]))
    asked = examples(TASK, ["the dog", "BBC News"], objects([("der Hund",), ("BBC News",)]))
    found = {name: list(texts) for name, texts in predicted(TASK, train, asked).items()}
    assert found["copy_of_text"] == ["the dog", "BBC News"]
    assert found["translation_memory"][0] == "ein Hund rennt"
    assert set(found) == {"copy_of_text", "translation_memory"}


def test_a_report_shows_texts_beside_their_references(tmp_path):
    targets = objects([("ein Hund", "ein Rüde"), (), ("zwei\nKatzen",)])
    answer = {"translation": objects(["der Hund", "x", "zwei Katzen"])}
    result = TaskResult(TASK, objects(["a dog", "none", "two\ncats"]), targets, answer, {}).labelled()
    note, _, header, _, *rows = KIND.report_section(TASK, result, tmp_path)
    assert note == "2 of 2 rows, evenly spread:"
    assert header == "| text | reference | generated |"
    assert rows == ["| a dog | ein Hund | der Hund |", "| two cats | zwei Katzen | zwei Katzen |"]
