import numpy as np
import pytest
import tensorflow as tf

from tests.data.characters import objects
from tests.data.test_units import Units as Letters
from tests.kinds.question_answering.made_up import TASK
from tfmtl.core.errors import DataError
from tfmtl.data.columns import is_present
from tfmtl.data.packing import Packing
from tfmtl.data.rows import Rows
from tfmtl.data.tokenized import read_texts
from tfmtl.data.units import WORDS_AND_SIGNS
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.question_answering.targets import NO_ANSWER, TrueAnswer, span_column

CONTEXT = "Zoë met Omar."


def encoded(answers, contexts=(CONTEXT,)):
    rows = Rows({"answers": answers, "context": list(contexts)}, lambda row: f"a.jsonl:{row + 1}")
    return kind_of(TASK).encode(TASK, rows)


def test_lists_and_the_form_of_squad_say_the_same():
    listed = [{"text": "Omar", "start": 8}, {"text": "met", "start": 4}]
    squad = {"text": ["Omar", "met"], "answer_start": [8, 4]}
    starts = [{"text": "Omar", "answer_start": 8}, {"text": "met", "answer_start": 4}]
    found = encoded([listed, squad, starts], [CONTEXT] * 3)
    assert found.tolist() == [(TrueAnswer("Omar", 8), TrueAnswer("met", 4))] * 3


def test_no_answer_is_a_target_and_a_missing_one_is_none():
    found = encoded([[], {"text": [], "answer_start": []}, None], [CONTEXT] * 3)
    assert found.tolist() == [(NO_ANSWER,), (NO_ANSWER,), ()]
    assert is_present(found).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([{"text": "Omar", "start": 9}], "'Omar' is not at character 9; it is at 8"),
        ([{"text": "Omar", "start": -5}], "'Omar' is not at character -5; it is at 8"),
        ([{"text": "Rome", "start": 0}], "'Rome' is not at character 0; it is nowhere in the context"),
        ([{"text": "Omar", "start": None}], "'Omar' is not at character None; it is at 8"),
        ([{"text": " ", "start": 0}], "an answer is no text: ' '; an empty list means that there is none"),
        ([{"text": "Omar"}], "expected answers with a 'text' and a 'start', found {'text': 'Omar'}"),
        ("Omar", "is not a list of answers: Omar"),
        ({"text": ["Omar"], "start": []}, "has no lists 'text' and 'start' of the same length"),
    ],
)
def test_what_is_no_answer_is_named_with_its_place(answers, message):
    with pytest.raises(DataError) as error:
        encoded([answers])
    assert str(error.value).startswith("a.jsonl:1: 'answers' of task 'reply'") and message in str(error.value)


def read(contexts, max_length=64, overflow="windows"):
    packing = Packing(max_length, overflow, 8)
    return read_texts(Letters(), objects(["q"] * len(contexts)), objects(contexts), packing, WORDS_AND_SIGNS).units


def test_answers_lead_to_the_first_tokens_of_their_units():
    # Start, q, end, then Z o ë, z m e t, z O m a r, the full stop, and end.
    targets = objects([(TrueAnswer("Omar", 8),), (TrueAnswer("oë met", 1),), (NO_ANSWER,), ()])
    column = span_column(TASK, targets, read([CONTEXT] * 4), WORDS_AND_SIGNS, "validation")
    assert column.values.tolist() == [[10, 10], [3, 6], [0, 0], [-1, -1]]
    assert column.values.dtype == np.int32


def test_of_several_windows_those_without_the_answer_have_none(caplog):
    # Windows of 9 tokens, two of which are read twice: the first one has the first tokens of Omar, too.
    targets = objects([(TrueAnswer("Omar", 8),), (TrueAnswer("Zoë", 0),), (NO_ANSWER,), ()])
    column = span_column(TASK, targets, read([CONTEXT] * 4, 13), WORDS_AND_SIGNS, "validation")
    whole = span_column(TASK, targets, read([CONTEXT] * 4, 64), WORDS_AND_SIGNS, "validation")
    assert len(whole) == 4 and len(column) == 8
    assert column.values.tolist() == [[10, 10], [3, 3], [3, 3], [0, 0], *[[0, 0]] * 2, *[[-1, -1]] * 2]
    assert not [record for record in caplog.records if record.name == "tfmtl"]


def test_answers_that_fit_into_no_window_are_no_targets_and_said(caplog):
    targets = objects([(TrueAnswer(CONTEXT, 0),), (TrueAnswer("Zoë", 0),)])
    column = span_column(TASK, targets, read([CONTEXT] * 2, 13), WORDS_AND_SIGNS, "validation")
    assert column.values.tolist() == [[-1, -1], [-1, -1], [3, 3], [0, 0]]
    assert "task 'reply': 1 of 2 validation answers (50.0 %) are in no row" in caplog.text


def test_answers_that_are_cut_off_are_no_targets_and_said(caplog):
    targets = objects([(TrueAnswer("Omar", 8),), (TrueAnswer("Zoë", 0),)])
    column = span_column(TASK, targets, read([CONTEXT] * 2, 10, "end"), WORDS_AND_SIGNS, "validation")
    assert column.values.tolist() == [[-1, -1], [3, 3]]
    assert "task 'reply': 1 of 2 validation answers (50.0 %) are in no row" in caplog.text


def test_the_tokens_of_an_answer_spell_it():
    text = "日本の首都は東京(とうきょう)です。"
    units = read([text])
    split = WORDS_AND_SIGNS.split(tf.constant([text])).units.to_list()[0]
    column = span_column(
        TASK, objects([(TrueAnswer("東京", text.index("東京")),)]), units, WORDS_AND_SIGNS, "validation"
    )
    numbers = units.numbers.values
    first, last = numbers[column.values[0]]
    assert b"".join(split[first - 1 : last]).decode() == "東京"
