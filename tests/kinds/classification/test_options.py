import pytest

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.validation import validate
from tfmtl.kinds.classification.options import Classification


def test_the_target_is_the_label_field():
    assert Classification(source="s", label="topic").target_fields == ("topic",)


def test_the_contracts_metrics_are_always_measured():
    assert Classification(source="s").all_metrics == ("accuracy", "f1_macro", "matthews")


@pytest.mark.parametrize("key", ["label_smoothing", "class_weights"])
def test_values_out_of_range_are_refused(key):
    with pytest.raises(ConfigurationError, match=rf"^tasks\.t\.{key}"):
        validate(Classification, {"source": "s", key: 1.0}, "tasks.t")


@pytest.mark.parametrize("weight", [-1.0, float("inf")])
def test_a_class_weight_is_a_finite_number_from_zero(weight):
    with pytest.raises(ConfigurationError, match=r"^tasks\.t\.class_weights"):
        validate(Classification, {"source": "s", "class_weights": {"a": weight}}, "tasks.t")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a", "b", "a"], "'a' appears twice"),
        (["1", 1], "'1' appears twice"),
        (["a", " "], "empty"),
        (["a"], r"a classification needs two labels or more, found \['a'\]"),
        (["a", None], "not a label: None"),
    ],
)
def test_labels_are_two_or_more_distinct_and_not_empty(labels, expected):
    with pytest.raises(ConfigurationError, match=rf"^tasks\.t\.labels: .*{expected}"):
        validate(Classification, {"source": "s", "labels": labels}, "tasks.t")


def test_labels_are_what_stands_in_the_data():
    assert Classification(source="s", labels=[0, True, " x "]).labels == ("0", "true", "x")
