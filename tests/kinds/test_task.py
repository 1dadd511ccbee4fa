import pytest

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.validation import validate
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.kinds.task import TaskName


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
    "name", ["", "1a", "a-b", "a b", "ä", "encoder", "classify", "serving_default", "raw_bytes", "shared_head_0"]
)
def test_a_name_that_the_model_cannot_carry_is_refused(name):
    with pytest.raises(ConfigurationError):
        validate(TaskName, {"name": name}, "")
