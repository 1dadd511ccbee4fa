import pytest

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.validation import validate
from tfmtl.kinds.multi_label.options import MultiLabel


def test_the_target_is_the_field_of_the_labels():
    assert MultiLabel(source="s", labels="tags").target_fields == ("tags",)
    assert MultiLabel(source="s", text="body", text_pair="reply").fields == ("body", "reply", "labels")


def test_the_contracts_metrics_are_always_measured_and_micro_f1_chooses():
    options = MultiLabel(source="s")
    assert options.all_metrics == ("f1_micro", "f1_macro", "average_precision", "subset_accuracy")
    assert options.primary == "f1_micro" and options.separator == ";"


def test_labels_are_what_stands_in_the_data():
    assert MultiLabel(source="s", label_set=[0, 1.0, True, " x "]).label_set == ("0", "1", "true", "x")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("label_set", ["a", "b", "a"]),
        ("label_set", ["a", ""]),
        ("label_smoothing", 1.0),
        ("separator", ""),
        ("class_weights", {"a": -1.0}),
        ("thresholds", {"a": 1.5}),
        ("thresholds", {}),
        ("thresholds", -0.1),
        ("thresholds", True),
        ("thresholds", {"a": True}),
        ("top_k", 0),
    ],
)
def test_values_out_of_range_are_refused(key, value):
    with pytest.raises(ConfigurationError, match=rf"^tasks\.t\.{key}: "):
        validate(MultiLabel, {"source": "s", key: value}, "tasks.t")


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        (2, "expected a probability, or one for each of some labels such as {label: 0.3}, found 2"),
        ([], "expected a probability, or one for each of some labels such as {label: 0.3}, found []"),
        ({"a": 2}, "the threshold of 'a' is not a probability: 2"),
    ],
)
def test_a_threshold_that_is_no_probability_is_named_once(thresholds, message):
    with pytest.raises(ConfigurationError) as error:
        validate(MultiLabel, {"source": "s", "thresholds": thresholds}, "tasks.t")
    assert str(error.value) == f"tasks.t.thresholds: {message}"


def test_thresholds_are_given_for_all_labels_or_by_label_as_in_the_data():
    assert MultiLabel(source="s", thresholds=0.3).thresholds == 0.3
    assert MultiLabel(source="s", thresholds={2: 0.3, True: 0, "a": 1}).thresholds == {"2": 0.3, "true": 0.0, "a": 1.0}
