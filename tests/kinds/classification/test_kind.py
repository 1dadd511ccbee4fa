import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tests.kinds.made_up import column_rows, encoded
from tfmtl.config.options import GenerationOptions
from tfmtl.core.errors import ConfigurationError, DataError
from tfmtl.data.columns import DenseColumn
from tfmtl.generation.batch_reader import as_arrays
from tfmtl.kinds.classification.head import ClassificationHead
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.kind import kind_named
from tfmtl.models.layers.pooled_head import PooledHead

KIND = kind_named("classification")
ANSWER = {
    "label": np.array(["cs", "math"], object),
    "probabilities": np.array([[0.9, 0.1], [0.25, 0.75]], np.float32),
}


def task_of(labels=None, **options):
    return Classification(name="topic", source="s", label="label", labels=labels, **options)


def labels_found(values):
    return KIND.resolved(task_of(), column_rows("label", values)).labels


def test_labels_become_their_positions():
    targets = encoded(task_of(("cs", "1", "true")), ["true", " cs ", 1, True, None, "", "  "])
    assert targets.dtype == np.int32
    assert targets.tolist() == [2, 0, 1, 2, -1, -1, -1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["cs", "mat"], "a.tsv:2: task 'topic' has no label 'mat'; did you mean 'math'? "),
        (
            [["cs"]],
            "a.tsv:1: 'label' of task 'topic' is not a label: ['cs']; a task of 'kind: multi_label' reads "
            "several labels",
        ),
    ],
)
def test_a_value_that_cannot_be_learned_from_is_one_line_with_its_place(values, expected):
    with pytest.raises(DataError) as caught:
        encoded(task_of(("cs", "math")), values)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["b", "a", None, "b", ""], ("a", "b")),
        (["10", "9", "-1"], ("-1", "9", "10")),
        (["10", "9", "x"], ("10", "9", "x")),
        ([2, 10, 1.5], ("1.5", "2", "10")),
        ([True, False], ("false", "true")),
        (["nan", "10", "9"], ("10", "9", "nan")),
    ],
)
def test_labels_are_found_and_sorted(values, expected):
    assert labels_found(values) == expected


@given(st.lists(st.integers(-99, 99), min_size=2, unique=True))
def test_numeric_labels_are_in_the_order_of_their_values(values):
    assert labels_found([str(value) for value in values]) == tuple(str(value) for value in sorted(values))


@pytest.mark.parametrize(("values", "found"), [(["a", "a"], "'a'"), ([None, ""], "none")])
def test_fewer_than_two_labels_are_no_question(values, found):
    expected = f"^task 'topic': a classification needs two labels or more, found in 'label': {found}$"
    with pytest.raises(DataError, match=expected):
        labels_found(values)


def test_given_labels_stay():
    task = task_of(("b", "a"))
    assert not KIND.needs_train(task)
    assert KIND.resolved(task, None) == task


def test_a_weight_of_no_label_is_told():
    task = task_of(("music", "travel"), class_weights={"musik": 2.0})
    with pytest.raises(ConfigurationError, match=r"tasks.topic.class_weights: unknown label 'musik'; did you mean"):
        KIND.check(task, GenerationOptions())
    KIND.check(task_of(("music", "travel"), class_weights={"music": 2.0}), GenerationOptions())


def test_words_are_those_of_the_labels_in_their_order_or_the_labels_themselves():
    assert KIND.label_words(task_of(("b", "a"))) == ()
    assert KIND.label_words(task_of(("b", "a"), label_words=True)) == ("b", "a")
    task = task_of(("b", "a"), label_words={"a": "first"})
    assert KIND.label_words(task) == ("b", "first")
    KIND.check(task, GenerationOptions())
    with pytest.raises(ConfigurationError, match=r"tasks.topic.label_words: unknown label 'c'; "):
        KIND.check(task_of(("b", "a"), label_words={"c": "third"}), GenerationOptions())


def test_tasks_with_the_same_labels_that_read_alike_can_have_a_head_in_common():
    key = KIND.common_head_key(task_of(("a", "b")))
    assert key == KIND.common_head_key(Classification(name="other", source="t", labels=("a", "b"), metrics=("f1",)))
    assert key != KIND.common_head_key(task_of(("b", "a")))
    assert key != KIND.common_head_key(task_of(("a", "b"), text_pair="second"))


def test_a_linear_expert_tells_the_classes_of_single_texts_apart():
    assert KIND.linear_classes(task_of(("a", "b", "c"))) == 3
    assert KIND.linear_classes(task_of(("a", "b"), text_pair="second")) == 0


def test_balanced_weights_are_inverse_shares_with_a_mean_of_one_over_train():
    counts = np.array([6, 3, 1])
    weights = 10 / (3 * counts)
    assert (weights * counts).sum() / 10 == pytest.approx(1.0)
    column = DenseColumn(np.int32([*np.repeat([0, 1, 2], counts), -1, -1]))
    found = KIND.class_weights(task_of(("a", "b", "c"), class_weights="balanced"), column)
    np.testing.assert_allclose(found, weights)


def test_balanced_weights_survive_a_class_without_rows():
    column = DenseColumn(np.int32([0] * 4 + [2] * 4))
    found = KIND.class_weights(task_of(("a", "b", "c"), class_weights="balanced"), column)
    assert np.isfinite(found).all()
    # Both classes that have rows have half of them.
    np.testing.assert_allclose(found[[0, 2]], [1.0, 1.0])


def test_weights_can_be_given_by_label_and_all_are_one_where_none_are():
    column = DenseColumn(np.int32([0, 1]))
    named = task_of(("a", "b", "c"), class_weights={"a": 2.0, "c": 0.5})
    assert KIND.class_weights(named, column).tolist() == [2.0, 1.0, 0.5]
    assert KIND.class_weights(task_of(("a", "b", "c")), column).tolist() == [1.0, 1.0, 1.0]


def test_an_answer_is_the_most_probable_label_and_the_softmax_of_the_logits():
    logits = np.float32([[1.0, 2.0, 0.5], [3.0, -1.0, 0.0]])
    answer = KIND.answer(task_of(("a", "b", "c")), tf.constant(logits), None)
    assert tuple(answer) == (*KIND.outputs, "logits")
    assert answer["label"].numpy().tolist() == [b"b", b"a"]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-6)
    assert KIND.predictions(ANSWER) is ANSWER["probabilities"]


def test_an_answer_says_its_label_and_the_probability_of_each():
    labels = KIND.label_set(task_of(("cs", "math")))
    assert KIND.as_json(ANSWER, 1, labels) == {"label": "math", "probabilities": {"cs": 0.25, "math": 0.75}}
    assert KIND.rest_result(ANSWER, labels) == [[["cs", 0.9], ["math", 0.1]], [["cs", 0.25], ["math", 0.75]]]


def test_no_answers_have_a_probability_for_each_label():
    found = KIND.from_json(task_of(("cs", "math")), [])
    assert (found["label"].shape, found["probabilities"].shape) == ((0,), (0, 2))


def test_a_target_is_its_label():
    task = task_of(("cs", "math"))
    assert [KIND.target_as_json(task, target) for target in np.int32([1, 0])] == ["math", "cs"]
    assert KIND.targets_from_json(task, ["math", "cs"]).tolist() == [1, 0]
    with pytest.raises(ValueError, match="not in tuple"):
        KIND.targets_from_json(task, ["biology"])


@pytest.fixture
def head():
    head = ClassificationHead(2, name="topic")
    head.build((None, None, 4), (None, None))
    return head


def test_the_temperature_is_that_of_the_validation_rows_with_a_label(head):
    # Three of four rows are right with odds of e^4 to 1; the best odds are 3 to 1, so that T = 4 / ln 3.
    logits = np.float32([[4, 0], [4, 0], [0, 4], [0, 4], [90, 0]])
    answer = {"logits": logits, "label": None, "probabilities": None}
    found = KIND.calibrate(task_of(("cs", "math")), head, np.int32([0, 0, 1, 0, -1]), answer)
    assert head.temperature.numpy() == pytest.approx(4 / np.log(3), rel=1e-6)
    np.testing.assert_allclose(found["probabilities"][:4].max(axis=1), 0.75, rtol=1e-6)
    assert found["label"].tolist() == ["cs", "cs", "math", "math", "cs"]
    served = KIND.answer(task_of(("cs", "math")), tf.constant(logits), head)
    np.testing.assert_array_equal(served["probabilities"], found["probabilities"])
    assert KIND.calibrate(task_of(("cs", "math")), head, np.int32([-1]), answer) is answer


def test_a_head_of_an_old_run_has_no_temperature():
    head = PooledHead(2, name="topic")
    head.build((None, None, 4), (None, None))
    logits = np.float32([[2.0, 0.0]])
    answer = KIND.answer(task_of(("cs", "math")), tf.constant(logits), head)
    np.testing.assert_allclose(answer["probabilities"][0, 0], 1 / (1 + np.exp(-2)), rtol=1e-6)
    assert KIND.calibrate(task_of(("cs", "math")), head, np.int32([1]), answer) is answer


def test_a_row_is_left_open_below_a_probability(head):
    task = task_of(("cs", "math"), abstain_below=0.7)
    # The larger probability is 0.7311 for logits that differ by 1, and 0.6225 for 0.5.
    answer = as_arrays(KIND.answer(task, tf.constant([[1.0, 0.0], [0.0, 0.5]]), head))
    assert answer["label"].tolist() == ["cs", ""]
    assert answer["probabilities"].argmax(axis=1).tolist() == [0, 1]
    assert KIND.as_json(answer, 1, task.labels)["label"] == ""
    (first, second) = KIND.rest_result(answer, task.labels)
    assert [label for label, _ in first] == ["cs", "math"] and [label for label, _ in second] == ["cs", ""]
    assert second[1][1] == pytest.approx(0.6225, abs=1e-4)


def test_a_threshold_that_every_row_reaches_is_told(caplog):
    KIND.check(task_of(("a", "b", "c"), abstain_below=0.3), GenerationOptions())
    assert caplog.messages == [
        "tasks.topic.abstain_below: every row is answered: the most probable of 3 labels has at least 0.333"
    ]


def test_the_most_probable_labels_are_shown():
    task = task_of(("a", "b", "c", "d"), top_k=2)
    whole = {"label": "b", "probabilities": {"a": 0.1, "b": 0.5, "c": 0.3, "d": 0.1}}
    assert list(KIND.shown(whole, KIND.client_options(task))["probabilities"].items()) == [("b", 0.5), ("c", 0.3)]
    assert KIND.shown(whole, {}) == whole
    one_more = KIND.shown(whole, {"top_k": 3})["probabilities"]
    assert list(one_more) == ["b", "c", "a"]
