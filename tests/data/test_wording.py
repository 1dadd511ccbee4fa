import json

import pytest

from tests.presets import save_preset
from tfmtl.config.experiment import parse
from tfmtl.core.errors import ConfigurationError
from tfmtl.data.special_tokens import END_ID, START_ID
from tfmtl.data.tokenizers.preset import PresetTokenizer, PresetTokenizerOptions
from tfmtl.data.wording import Wording, word_tasks


def tasks(**options):
    task = {"kind": "classification", "source": "s", "labels": ["cat", "dog"], **options}
    return parse({"sources": {"s": {"format": "tsv", "train": "a.tsv"}}, "tasks": {"animal": task}}).tasks


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    folder = save_preset("roberta", tmp_path_factory.mktemp("roberta"))
    template = "{{ messages[0].content }}</s>{{ messages[1].content }}<mask>"
    said = {"chat_template": template, "eos_token": "</s>", "bos_token": "<mask>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    return folder


@pytest.fixture(scope="module")
def tokenizer(preset):
    return PresetTokenizer.train(PresetTokenizerOptions(preset=str(preset)), [])


def words_of(tokenizer, text):
    return tuple(tokenizer.tokenize([text]).to_list()[0])


def test_a_task_without_words_has_no_wording(tokenizer, preset):
    assert word_tasks(tasks(), tokenizer, str(preset)) == {}
    assert Wording().length == 0 and not Wording()


def test_special_tokens_of_a_chat_are_single_ids(tokenizer, preset):
    wording = word_tasks(tasks(instruction="the dog"), tokenizer, str(preset))["animal"]
    mask = 1
    assert wording.instruction == (*words_of(tokenizer, "the dog"), mask)
    assert wording.labels == ()
    assert wording.length == len(wording.instruction)


@pytest.mark.parametrize(("words", "expected"), [(True, ["cat", "dog"]), ({"dog": "the hound"}, ["cat", "the hound"])])
def test_labels_are_said_between_marks(tokenizer, preset, words, expected):
    wording = word_tasks(tasks(label_words=words), tokenizer, str(preset))["animal"]
    assert wording.labels == tuple((START_ID, *words_of(tokenizer, text), END_ID) for text in expected)
    # Behind a text: the start mark and the longest words, but not the end mark.
    assert wording.length == max(map(len, wording.labels)) - 1


def test_the_last_token_of_an_instruction_replaces_the_start_mark(tokenizer, preset):
    wording = word_tasks(tasks(instruction="the dog", label_words=True), tokenizer, str(preset))["animal"]
    assert wording.length == len(wording.instruction) + max(map(len, wording.labels)) - 2


@pytest.mark.parametrize(
    ("options", "key"), [({"instruction": "x"}, "instruction"), ({"label_words": True}, "label_words")]
)
def test_words_need_a_pretrained_trunk(tokenizer, options, key):
    with pytest.raises(ConfigurationError, match=rf"tasks\.animal\.{key}: this needs a pretrained trunk"):
        word_tasks(tasks(**options), tokenizer, None)
