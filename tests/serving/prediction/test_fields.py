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
        (["id", "body"], ("body", None)),
        (["text"], ("text", None)),
        (["reply", "body"], ("body", "reply")),
        (["text_pair", "body"], ("body", "text_pair")),
        (["text", "text_pair"], ("text", "text_pair")),
        (["text", "reply"], ("text", None)),
    ],
)
def test_the_field_of_a_task_or_the_documented_one_is_read(known, found):
    assert FIELDS.among(known, "a.csv:2") == found


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
        FIELDS.among(known, "a.csv:2")


def test_of_unknown_tasks_the_documented_fields_are_read():
    assert DOCUMENTED.among(["text_pair", "text", "body"], "x") == ("text", "text_pair")
