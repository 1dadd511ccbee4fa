from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.data.characters import Characters, packed, rows_of
from tests.kinds.made_up import encoded, examples, objects, predicted
from tests.reports.results import TITLE
from tfmtl.config.options import GenerationOptions, ModelOptions
from tfmtl.core.errors import ConfigurationError, DataError
from tfmtl.kinds.kind import HeadContext, kind_named
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.metrics.scoring import quick_scores

KIND = kind_named("summarization")
TLDR = Summarization(name="tldr", source="s", summary="summary", max_length=4)


def test_summaries_become_tuples_of_references():
    targets = encoded(TLDR, ["One.", ["One.", "Two."], [], None, "", ["", "Three."]])
    assert targets.tolist() == [("One.",), ("One.", "Two."), (), (), (), ("Three.",)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", 3], "a.tsv:2: 'summary' of task 'tldr' is not a text: 3"),
        ([{"a": 1}], "a.tsv:1: 'summary' of task 'tldr' is not a text: {'a': 1}"),
    ],
)
def test_a_value_that_cannot_be_learned_from_is_one_line_with_its_place(values, expected):
    with pytest.raises(DataError) as caught:
        encoded(TLDR, values)
    assert str(caught.value).startswith(expected)


def test_training_reads_the_first_reference_cut_to_what_the_decoder_can_write():
    targets = objects([("ab", "other"), (), ("abcdefg",)])
    assert rows_of(KIND.column(TLDR, targets, Characters())) == [packed("ab"), [], packed("abc")]
    assert [list(KIND.training_texts(target)) for target in targets] == [["ab"], [], ["abcdefg"]]


def test_a_least_length_that_leaves_no_room_for_the_end_is_told():
    task = Summarization(name="title", source="s", max_length=12)
    KIND.check(task, GenerationOptions(min_length=11))
    with pytest.raises(ConfigurationError, match="min_length: 12 tokens and an end mark do not fit"):
        KIND.check(task, GenerationOptions(min_length=12))


@pytest.mark.parametrize(
    ("configured", "can_write", "copy"),
    [(True, True, True), (False, False, False), (None, False, True), (None, True, False)],
)
def test_its_head_copies_where_the_decoder_does_and_smooths_as_the_task_says(configured, can_write, copy):
    task = Summarization(name="title", source="s", label_smoothing=0.25, max_length=9)
    options = ModelOptions.model_validate({"decoder": {"copy": configured}})
    trunk = SimpleNamespace(dtype_policy="float32", can_write=can_write)
    head = KIND.head(task, HeadContext(trunk, options, None))
    assert (head.name, head.copy_source) == ("title", copy)
    assert head.get_config()["label_smoothing"] == 0.25
    assert KIND.target_length(task, 512) == 9
    assert KIND.decoder(task, name="title_decoder", dtype="float32") is None


def test_an_answer_is_the_text_itself():
    said = tf.constant(["a b"])
    answer = KIND.answer(TLDR, said, None)
    assert answer == {"summary": said}
    assert tuple(answer) == KIND.outputs
    assert KIND.as_json({"summary": objects(["a", "b"])}, 1, ()) == {"summary": "b"}
    assert KIND.target_as_json(TLDR, ("a", "b")) == ["a", "b"]


def test_leads():
    task = Summarization(name="a", source="s")
    # References of train have (1 + 3) / 2 = 2 words.
    train = examples(task, ["t", "u"], objects([("p",), ("p q r",)]))
    asked = examples(task, ["Aa bb cc. Dd ee. Ff gg. Hh."], objects([("bb cc",)]))
    found = {
        name: quick_scores(task, asked.targets["a"], texts) for name, texts in predicted(task, train, asked).items()
    }
    assert {name: scores["rouge1"] for name, scores in found.items()} == pytest.approx(
        {"first_sentence": 2 * 2 / (2 + 3), "first_words": 2 * 1 / (2 + 2), "first_3_sentences": 2 * 2 / (2 + 7)}
    )


def test_there_is_no_linear_model_of_texts():
    task = Summarization(name="a", source="s")
    rows = examples(task, ["a"], objects([("b",)]))
    assert list(predicted(task, rows, rows)) == ["first_sentence", "first_words", "first_3_sentences"]


def test_the_two_targets_that_are_told_apart_are_texts_of_one_token():
    assert [np.asarray(target).shape for target in KIND.probe_targets(TLDR)] == [(3,), (3,)]


def test_a_report_shows_rows_beside_their_first_reference(tmp_path):
    note, _, header, _, *rows = KIND.report_section(TITLE.task, TITLE.labelled(), tmp_path)
    assert note == "2 of 2 rows, evenly spread:"
    assert header == "| text | reference | generated |"
    assert rows == ["| first \\| text | ref one | one |", "| second text | ref \\*two\\* | two |"]
