import pytest

from tfmtl.errors import ConfigurationError
from tfmtl.tasks.kinds.classification import Classification
from tfmtl.validation import validate


def test_the_target_is_the_label_field():
    assert Classification(source="s", label="topic").target == "topic"


def test_the_contracts_metrics_are_always_measured():
    assert Classification(source="s").all_metrics == ("accuracy", "f1_macro", "matthews")


@pytest.mark.parametrize("key", ["label_smoothing", "class_weights"])
def test_values_out_of_range_are_refused(key):
    with pytest.raises(ConfigurationError, match=rf"^tasks\.t\.{key}"):
        validate(Classification, {"source": "s", key: 1.0}, "tasks.t")
