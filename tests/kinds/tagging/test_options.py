import pytest

from tfmtl.config.experiment import parse
from tfmtl.core.errors import ConfigurationError

SOURCE = {"s": {"format": "jsonl", "train": "a.jsonl"}}


def experiment(**options):
    return parse({"name": "a", "sources": SOURCE, "tasks": {"slots": {"kind": "tagging", "source": "s", **options}}})


def test_the_words_are_the_text_that_is_read():
    task = experiment(words="tokens").tasks["slots"]
    assert (task.text, task.words, task.fields) == ("tokens", "tokens", ("tokens", "tags"))
    assert experiment(text="tokens").tasks["slots"] == task
    assert experiment().tasks["slots"].text == "words"
    assert (task.key_of("tokens"), task.key_of("tags")) == ("tasks.slots.words", "tasks.slots.tags")


def test_a_resolved_configuration_gives_the_same_task():
    found = experiment(words="tokens", label_set=["O", "B-x"])
    assert "text" not in found.as_mapping()["tasks"]["slots"]
    assert parse(found.as_mapping()) == found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"words": "a", "text": "b"}, "'text' and 'words' name the same field; found 'b' and 'a'"),
        ({"text_pair": "b"}, "tasks.slots.text_pair: a tagging task reads one text without an instruction, found 'b'"),
        ({"tag": "b"}, "tasks.slots: unknown key 'tag'; did you mean 'tags'?"),
        ({"label_set": []}, "tasks.slots.label_set: a tagging task needs two tags or more, found []"),
        ({"label_set": ["O"]}, "tasks.slots.label_set: a tagging task needs two tags or more, found ['O']"),
        ({"label_set": ["O", "O"]}, "tasks.slots.label_set: the label 'O' appears twice, found ['O', 'O']"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ConfigurationError) as error:
        experiment(**options)
    assert message in str(error.value)
