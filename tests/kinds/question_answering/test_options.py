import pytest

from tfmtl.config.experiment import parse
from tfmtl.core.errors import ConfigurationError

SOURCE = {"s": {"format": "jsonl", "train": "a.jsonl"}}


def task(**options):
    tasks = {"reply": {"kind": "question_answering", "source": "s", **options}}
    return parse({"name": "a", "sources": SOURCE, "tasks": tasks}).tasks["reply"]


def test_it_reads_pairs():
    assert task().fields == ("text", "text_pair", "answers")
    assert task(text="question", text_pair="context").fields == ("question", "context", "answers")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"text_pair": None},
            "tasks.reply.text_pair: expected the name of a field, or a list of such names, found None",
        ),
        ({"instruction": "x"}, "the question is the instruction of a question answering task"),
        ({"longest": 0}, "tasks.reply.longest: input should be greater than or equal to 1, found 0"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ConfigurationError) as error:
        task(**options)
    assert message in str(error.value)
