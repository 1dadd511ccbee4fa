import pytest

from tfmtl.config.experiment import parse
from tfmtl.core.errors import ConfigurationError

LABELS = {"kind": "classification", "labels": ["bad", "good"]}


def described(descriptors, model=None):
    tasks = {name: {**LABELS, "descriptor": z} for name, z in descriptors.items()}
    model = {"descriptors": "tensor"} if model is None else model
    return parse({"tasks": tasks, "sources": {"s": {"train": "a.csv"}}, "model": model})


def test_a_descriptor_is_a_number_several_or_a_text():
    tasks = described({"books": 1, "films": [2], "games": 0.5}).tasks
    assert [task.descriptor for task in tasks.values()] == [(1.0,), (2.0,), (0.5,)]
    experiment = described({"books": [1, 0], "films": [0, 1]})
    assert parse(experiment.as_mapping()) == experiment


@pytest.mark.parametrize(
    ("descriptors", "model", "message"),
    [
        ({"books": [1]}, {}, r"tasks.books.descriptor: say by 'model.descriptors' how heads are generated"),
        (
            {"books": [1]},
            {"descriptors": "tensor", "shared_heads": True},
            "model.shared_heads: described tasks have a common part already",
        ),
        ({"books": [1, 0], "films": [1]}, None, r"tasks.films.descriptor: found 1 values, but 'books' has 2"),
        ({"books": [1], "films": "Films"}, None, r"tasks.films.descriptor: task 'books' is described in another form"),
        ({"books": "Books"}, None, r"tasks.books.descriptor: only a pretrained trunk can read a text"),
        ({"books": []}, None, r"tasks.books.descriptor: expected a text, a number, or a list of numbers, found \[\]"),
        ({"books": [float("nan")]}, None, r"tasks.books.descriptor: expected a text, a number, or a list of numbers"),
        ({"books": " "}, None, r"tasks.books.descriptor: expected a text, a number, or a list of numbers"),
        ({"books": [1]}, {"descriptors": "tensors"}, r"did you mean 'tensor'"),
    ],
)
def test_what_cannot_be_described_is_one_line(descriptors, model, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        described(descriptors, model)
    assert "\n" not in str(caught.value)


def test_a_kind_whose_head_cannot_be_generated_is_told():
    tasks = {"stars": {"kind": "regression", "descriptor": 1}}
    with pytest.raises(ConfigurationError, match=r"tasks.stars.descriptor: the head of this task cannot be generated"):
        parse({"tasks": tasks, "sources": {"s": {"train": "a.csv"}}, "model": {"descriptors": "tensor"}})
