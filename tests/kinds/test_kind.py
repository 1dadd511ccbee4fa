"""What holds of every kind, and what a kind has that says nothing of its own."""

import keras
import numpy as np
import pytest

from tests.kinds.made_up import encoded
from tfmtl.config.options import GenerationOptions
from tfmtl.core.errors import ConfigurationError
from tfmtl.data.columns import DenseColumn, is_present
from tfmtl.data.rows import Rows
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.denoising.options import Denoising
from tfmtl.kinds.kind import Kind, kind_named, kind_of
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.kinds.task import Task
from tfmtl.serving.export.signatures import ServedTask
from tfmtl.training.losses import TokenLoss

TASKS = [
    Classification(name="topic", source="s", labels=("a", "b")),
    Regression(name="stars", source="s"),
    Summarization(name="tldr", source="s"),
    Denoising(name="gaps", source="s"),
]


class Plain(Kind):
    """A kind of what it must have and no more."""

    outputs = ("first", "second")

    def encode(self, task, rows: Rows) -> np.ndarray:
        return np.zeros(len(rows), np.int32)

    def head(self, task, context, common=None):
        return keras.layers.Identity()

    def loss(self, task, targets):
        return TokenLoss()

    def probe_targets(self, task):
        return 0, 1


class PlainTask(Task):
    kind = "plain"


PLAIN, TASK = Plain(), PlainTask(name="a", source="s")


@pytest.mark.parametrize(
    ("task", "values"), [(TASKS[0], ["b", None, "a"]), (TASKS[1], [0, None, 2]), (TASKS[2], ["b", None, "a"])]
)
def test_whether_a_row_has_a_target_is_the_same_question_of_every_kind(task, values):
    assert is_present(encoded(task, values)).tolist() == [True, False, True]


def test_only_a_classification_without_labels_needs_train():
    tasks = [TASKS[0].model_copy(update={"labels": None}), *TASKS[1:]]
    assert [kind_of(task).needs_train(task) for task in tasks] == [True, False, False, False]
    for task in TASKS[1:]:
        assert kind_of(task).resolved(task, None) is task


def test_a_task_and_what_is_served_of_it_are_of_one_kind():
    for task in TASKS:
        assert kind_of(task) is kind_of(ServedTask.of(task)) is kind_named(task.kind)


def test_an_unknown_kind_is_told():
    with pytest.raises(ConfigurationError, match="unknown task kind 'clasification'; did you mean 'classification'"):
        kind_named("clasification")


def test_two_targets_by_which_heads_are_told_apart_have_different_losses():
    for task in TASKS[:3]:
        loss = kind_of(task).loss(task, None if task.generates else DenseColumn(np.int32([0, 1])))
        outputs = {"topic": np.float32([[0.5, 1.5]]), "stars": np.float32([0.75]), "tldr": -np.float32([[1.0, 2.0]])}
        totals = []
        for target in kind_of(task).probe_targets(task):
            said = outputs[task.name]
            if task.generates:
                # What a head says of tokens follows from them.
                said = said * target[None, 1:]
            totals.append(float(loss.total(np.asarray(target)[None], said)))
        assert totals[0] != totals[1]


def test_a_kind_that_says_nothing_of_it_learns_from_its_targets_as_they_are():
    column = PLAIN.column(TASK, np.int32([3, -1]), None)
    assert isinstance(column, DenseColumn) and column.values.tolist() == [3, -1]
    assert list(PLAIN.training_texts(np.int32(3))) == []
    assert PLAIN.check(TASK, GenerationOptions()) is None


def test_a_kind_that_says_nothing_of_it_has_no_common_head_no_expert_no_baselines_and_no_section(tmp_path):
    assert PLAIN.common_head_key(TASK) is None
    assert PLAIN.linear_classes(TASK) == 0
    assert PLAIN.decoder(TASK, name="a_decoder", dtype="float32") is None
    assert PLAIN.baselines(TASK, None, None) == PLAIN.pooled_baselines({}) == {}
    assert PLAIN.report_section(TASK, None, tmp_path) == []


def test_metrics_read_the_last_output_and_nothing_is_calibrated():
    answer = {"first": np.zeros(2), "second": np.ones(2)}
    assert PLAIN.predictions(answer) is answer["second"]
    assert PLAIN.calibrate(TASK, None, np.zeros(2), answer) is answer


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PLAIN.corrupt(TASK), "read texts as they are"),
        (lambda: PLAIN.common_head(TASK, None, "shared_head_0"), "have no head in common"),
        (lambda: PLAIN.class_weights(TASK, None), "have no classes"),
        (lambda: PLAIN.target_length(TASK, 9), "do not generate text"),
        (lambda: PLAIN.answer(TASK, None, None), "are not answered"),
        (lambda: PLAIN.from_json(TASK, []), "are not answered"),
        (lambda: PLAIN.target_as_json(TASK, 0), "are not answered"),
        (lambda: PLAIN.targets_from_json(TASK, []), "are not answered"),
    ],
)
def test_what_a_kind_does_not_have_is_said_of_its_tasks(call, message):
    with pytest.raises(TypeError, match=f"^tasks of kind 'plain' {message}$"):
        call()


def test_a_kind_that_answers_nothing_says_so():
    with pytest.raises(TypeError, match=r"^Plain answers nothing$"):
        PLAIN.as_json({}, 0, ())
    with pytest.raises(TypeError, match=r"^Plain has no REST action of its own$"):
        PLAIN.rest_result({}, ())
