import pytest

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.validation import validate
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.denoising.options import Denoising
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.kinds.task import Task, TaskName
from tfmtl.kinds.translation.options import Translation


def test_all_metrics_are_the_kinds_then_the_tasks_own_each_once():
    task = Classification(source="s", metrics=("f1", "accuracy"), primary="matthews")
    assert task.all_metrics == ("accuracy", "f1_macro", "matthews", "f1")


def test_as_mapping_is_the_section_of_the_configuration():
    mapping = Summarization(name="title", source="s", max_length=9).as_mapping()
    assert mapping["kind"] == "summarization"
    assert mapping["max_length"] == 9
    assert "name" not in mapping
    assert "text_pair" not in mapping


@pytest.mark.parametrize("name", ["a", "sst2", "my_task", "A_1"])
def test_a_name_can_be_a_layer_and_a_signature(name):
    assert validate(TaskName, {"name": name}, "").name == name


@pytest.mark.parametrize(
    "name",
    ["", "1a", "a-b", "a b", "ä", "trunk", "classify", "serving_default", "raw_bytes", "shared_head_0", "target_a"],
)
def test_a_name_that_the_model_cannot_carry_is_refused(name):
    with pytest.raises(ConfigurationError):
        validate(TaskName, {"name": name}, "")


def test_the_fields_of_a_task_are_its_texts_and_then_its_targets_each_once():
    task = Classification(source="s", text="first", text_pair="second", label="topic")
    assert task.fields == ("first", "second", "topic")
    assert Summarization(source="s", text="body", summary="body").fields == ("body",)


def test_a_task_whose_kind_names_no_field_of_its_target_says_so():
    with pytest.raises(AttributeError, match=r"^Task names no field of its target$"):
        _ = Task(source="s").target_fields


def test_a_task_writes_with_a_decoder_of_its_own_unless_it_names_another():
    assert Summarization(name="title", source="s").decoder_of == "title"
    assert Denoising(name="gaps", source="s").decoder_of == "gaps"
    assert Denoising(name="gaps", source="s", decoder="title").decoder_of == "title"


def test_several_fields_are_read_as_one_text():
    task = Classification(name="t", source="s", text=["title", "body"], text_pair=("reply",), label="topic")
    assert task.fields == ("title", "body", "reply", "topic")
    assert task.text_pair == "reply"
    assert (task.key_of("body"), task.key_of("topic"), task.key_of("reply")) == (
        "tasks.t.text",
        "tasks.t.label",
        "tasks.t.text_pair",
    )
    assert task.as_mapping()["text"] == ["title", "body"]
    assert Denoising(name="gaps", source="s", text=["title", "body"]).target_fields == ("title", "body")
    assert Translation(source="s", target=["de", "de_2"]).target_fields == ("de", "de_2")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        *(
            (fields, "expected the name of a field, or a list of such names")
            for fields in ([], "", ["a", ""], 3, ["a", 3])
        ),
        (["a", "b", "a"], "the field 'a' appears twice"),
    ],
)
def test_fields_that_cannot_be_are_told(fields, message):
    with pytest.raises(ConfigurationError) as caught:
        validate(Classification, {"source": "s", "text": fields}, "tasks.t")
    assert str(caught.value) == f"tasks.t.text: {message}, found {fields!r}"
