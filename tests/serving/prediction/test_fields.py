import pytest

from tfmtl.core.errors import DataError
from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.prediction.fields import DOCUMENTED, TextFields

SINGLE = ServedTask(kind="regression", text="body")
PAIR = ServedTask(kind="regression", pair=True, text="body", text_pair="reply")
OTHER = ServedTask(kind="regression", pair=True, text="body", text_pair="thread")
FIELDS = TextFields.of({"a": SINGLE, "b": PAIR, "c": OTHER})


@pytest.mark.parametrize(
    ("known", "found"),
    [
        (["id", "body"], (("body",), None)),
        (["text"], (("text",), None)),
        (["reply", "body"], (("body",), ("reply",))),
        (["text_pair", "body"], (("body",), ("text_pair",))),
        (["text", "text_pair"], (("text",), ("text_pair",))),
        (["text", "reply"], (("text",), None)),
    ],
)
def test_the_field_of_a_task_or_the_documented_one_is_read(known, found):
    assert FIELDS.among(dict.fromkeys(known, "x"), "a.csv:2") == found


@pytest.mark.parametrize(
    ("known", "message"),
    [
        (["bdy"], r"there is no 'body' or 'text'; did you mean 'bdy'\? \(known: bdy\)"),
        (["txt", "id"], r"there is no 'body' or 'text'; did you mean 'txt'\? \(known: id, txt\)"),
        ([], "there is no 'body' or 'text'; known: none"),
        (["text", "body"], "'body' and 'text' could each hold the text that is asked about; leave one"),
        (["body", "reply", "thread"], "'reply' and 'thread' could each hold the text that is asked about; leave one"),
    ],
)
def test_a_row_with_no_text_or_several_is_told(known, message):
    with pytest.raises(DataError, match=f"^a.csv:2: {message}$"):
        FIELDS.among(dict.fromkeys(known, "x"), "a.csv:2")


def test_of_unknown_tasks_the_documented_fields_are_read():
    assert DOCUMENTED.among({"text_pair": "a", "text": "b", "body": "c"}, "x") == (("text",), ("text_pair",))


TOGETHER = TextFields.of(
    {
        "a": ServedTask(kind="regression", text=("title", "body")),
        "b": ServedTask(kind="regression", text=("title", "body"), pair=True, text_pair=("reply", "sender.name")),
    }
)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"title": "a", "body": None}, (("title", "body"), None)),
        ({"body": "b", "title": "a", "reply": "c"}, (("title", "body"), None)),
        (
            {"body": "b", "title": "a", "reply": "c", "sender": {"name": "d"}},
            (("title", "body"), ("reply", "sender.name")),
        ),
        ({"text": "a", "title": "b"}, (("text",), None)),
    ],
)
def test_several_fields_are_one_text(row, found):
    assert TOGETHER.among(row, "a.jsonl:1") == found


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"title": "a", "bdy": "b"},
            r"there is no 'body', which is read together with 'title' as one text; did you mean 'bdy'\? "
            r"\(known: bdy, title\)",
        ),
        ({"id": 3}, "there is no 'title' and 'body' or 'text'; known: id"),
        ({"text": "a", "title": "b", "body": "c"}, "'title' with 'body' and 'text' could each hold the text"),
    ],
)
def test_a_row_without_a_part_of_its_text_is_told(row, message):
    with pytest.raises(DataError, match=f"^a.jsonl:1: {message}"):
        TOGETHER.among(row, "a.jsonl:1")


def test_the_fields_of_the_text_can_be_chosen():
    chosen = TOGETHER.only("subject", "body")
    assert chosen.among({"subject": "a", "body": "b", "title": "c"}, "x") == (("subject", "body"), None)
    assert chosen.among({"subject": "a", "body": "b", "text_pair": "c"}, "x") == (("subject", "body"), ("text_pair",))
