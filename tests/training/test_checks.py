import pytest
from tfmtl.training.checks import check_learnable

from tfmtl.config.experiment import parse
from tfmtl.core.errors import ConfigurationError


def experiment(**sections):
    values = {
        "sources": {"articles": {"format": "tsv", "train": "train.tsv"}},
        "tasks": {
            "subject": {"kind": "classification", "source": "articles", "labels": ["music", "travel"]},
            "title": {"kind": "summarization", "source": "articles", "max_length": 12},
        },
    }
    return parse({**values, **sections})


def check(**sections) -> None:
    checked = experiment(**sections)
    check_learnable(checked, checked.tasks)


def test_what_fits_passes():
    check(balancing={"weights": {"title": 2.0}}, generation={"min_length": 11})


def test_a_weight_of_no_task():
    with pytest.raises(ConfigurationError, match=r"balancing.weights: unknown task 'titel'; did you mean 'title'"):
        check(balancing={"weights": {"titel": 2.0}})


def test_a_weight_of_no_label():
    task = {**experiment().tasks["subject"].as_mapping(), "class_weights": {"musik": 2.0}}
    with pytest.raises(ConfigurationError, match=r"tasks.subject.class_weights: unknown label 'musik'; did you mean"):
        check(tasks={"subject": task})


def test_a_least_length_that_leaves_no_room_for_the_end():
    with pytest.raises(ConfigurationError, match="min_length: 12 tokens and an end mark do not fit"):
        check(generation={"min_length": 12})
