import pytest

import tfmtl
from tests.api.tickets import THINGS, table
from tfmtl.core.errors import DataError, UserError

TEXTS = ["question 3 about the courier and the refund", "question 0 about the refund"]


@pytest.fixture(scope="module")
def model(fitted):
    return tfmtl.load(fitted)


@pytest.fixture(scope="module")
def answers(model):
    return model.predict(TEXTS)


def test_answers_have_the_form_of_their_kind(answers):
    for answer in answers:
        assert set(answer) == {"queue", "tags", "title"}
        assert set(answer["tags"]) == {"labels", "probabilities"}
        assert set(answer["tags"]["probabilities"]) == set(THINGS)
        assert set(answer["tags"]["labels"]) <= set(THINGS)
        assert answer["queue"]["label"] in ("money", "delivery") and isinstance(answer["title"]["summary"], str)


@pytest.mark.parametrize(
    "rows",
    [
        [{"body": text} for text in TEXTS],
        [{"text": text, "body_count": 1} for text in TEXTS],
        {"body": TEXTS, "queue": ["?", "?"]},
        [(text,) for text in TEXTS],
        table(2).assign(body=TEXTS),
    ],
    ids=["task's field", "text", "columns", "tuples", "frame"],
)
def test_every_form_of_rows_is_answered_alike(model, answers, rows):
    assert model.predict(rows) == answers


def test_column_names_are_never_answered(model):
    with pytest.raises(UserError, match="put it into a list"):
        model.predict(TEXTS[0])
    with pytest.raises(UserError, match="expected lists of values by field"):
        model.predict({"text": "one text"})
    with pytest.raises(DataError, match=r"^predict: there is no 'body' or 'text'; did you mean 'txet'\?"):
        model.predict({"txet": TEXTS})
    with pytest.raises(
        DataError, match=r"^predict: 'body' and 'text' could each hold the text that is asked about; leave one$"
    ):
        model.predict({"text": TEXTS, "body": TEXTS})
    with pytest.raises(UserError, match="expected a text, or a pair of texts, found '3'"):
        model.predict([3])


@pytest.mark.parametrize(
    "rows", [[TEXTS[0], (TEXTS[0], TEXTS[1])], [{"body": TEXTS[0]}, {"body": TEXTS[0], "text_pair": TEXTS[1]}]]
)
def test_no_second_text_is_dropped(model, rows):
    with pytest.raises(DataError, match=r"^predict: row 1: this is a pair, and every task \(.*\) reads one text$"):
        model.predict(rows)


def test_no_rows_have_no_answers(model):
    assert model.predict([]) == []
