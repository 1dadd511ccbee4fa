import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, logit

from tests.kinds.multi_label.made_up import ANSWER, TASK
from tfmtl.core.errors import ConfigurationError, DataError
from tfmtl.data.columns import DenseColumn
from tfmtl.data.rows import Rows
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.multi_label.head import MultiLabelHead

KIND = kind_of(TASK)


@pytest.fixture
def head():
    head = MultiLabelHead(3, dropout=0.0, name="tags")
    head.build((None, None, 4), (None, None))
    return head


def rows(*values):
    return Rows({"labels": list(values)}, str)


def test_the_label_set_is_inferred_only_if_none_is_given():
    open_task = TASK.model_copy(update={"label_set": None})
    assert KIND.needs_train(open_task) and not KIND.needs_train(TASK)
    assert KIND.resolved(open_task, rows(["b"], "a;c", None)).label_set == ("a", "b", "c")
    assert KIND.resolved(TASK, None) == TASK
    with pytest.raises(DataError, match="'label_set' is empty"):
        KIND.resolved(TASK.model_copy(update={"label_set": ()}), None)


def test_a_label_is_selected_if_its_probability_reaches_its_threshold(head):
    head.thresholds.assign([0.5, 0.2, 0.9])
    answer = KIND.answer(TASK, tf.constant([[0.0, -1.0, 2.0]]), head)
    np.testing.assert_allclose(answer["probabilities"], [[0.5, 1 / (1 + np.e), 1 / (1 + np.exp(-2.0))]], rtol=1e-6)
    assert answer["selected"].numpy().tolist() == [[True, True, False]]


def test_thresholds_are_chosen_on_rows_with_a_target(head):
    targets = np.int32([[1, 0, 0], [0, 0, 1], [-1, -1, -1]])
    probabilities = np.float32([[0.3, 0.4, 0.1], [0.1, 0.2, 0.7], [0.28, 0.9, 0.2]])
    answer = KIND.calibrate(TASK, head, targets, {"logits": logit(probabilities)})
    tempered = expit(logit(probabilities) / head.temperature.numpy())
    np.testing.assert_allclose(head.thresholds, [tempered[:2, 0].mean(), 0.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(answer["probabilities"], tempered, rtol=1e-5)
    assert answer["selected"].tolist() == [[True, False, False], [False, False, True], [True, True, False]]
    before = np.array(head.thresholds)
    assert KIND.calibrate(TASK, head, targets[2:], answer) is answer
    np.testing.assert_array_equal(head.thresholds, before)


def test_thresholds_are_those_of_the_f1_that_is_primary(head):
    targets = np.zeros([20, 3], np.int32)
    targets[:10, 0] = targets[0, 1] = 1
    answer = {"logits": np.full([20, 3], -3.0, np.float32)}
    answer["logits"][:10, 0] = 2.0
    for primary, selected in {"f1_micro": [10, 0, 0], "f1_macro": [10, 20, 0]}.items():
        task = TASK.model_copy(update={"primary": primary})
        assert KIND.calibrate(task, head, targets, answer)["selected"].sum(axis=0).tolist() == selected


def test_balanced_weights_are_the_odds_against_a_label():
    column = DenseColumn(np.int32([[1, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 1], [-1, -1, -1]]))
    balanced = TASK.model_copy(update={"class_weights": "balanced"})
    np.testing.assert_allclose(KIND.class_weights(balanced, column), [3.0, 1.0, 1 / 3])
    weighted = TASK.model_copy(update={"class_weights": {"refund": 2.0}})
    np.testing.assert_array_equal(KIND.class_weights(weighted, column), [1.0, 2.0, 1.0])
    np.testing.assert_array_equal(KIND.class_weights(TASK, column), np.ones(3))


def test_a_weight_of_no_label_is_told():
    task = TASK.model_copy(update={"class_weights": {"refnd": 2.0}})
    with pytest.raises(
        ConfigurationError, match=r"tasks.tags.class_weights: unknown label 'refnd'; did you mean 'refund'"
    ):
        KIND.check(task, None)


def test_metrics_read_probabilities_and_selections():
    found = KIND.predictions(ANSWER)
    assert found.dtype == np.float32 and found.shape == (2, 2, 3)
    np.testing.assert_array_equal(found[:, 0], ANSWER["probabilities"])
    np.testing.assert_array_equal(found[:, 1], [[1, 0, 1], [0, 0, 1]])


def test_tasks_share_a_head_if_their_labels_and_their_texts_are_alike():
    other = TASK.model_copy(update={"name": "more", "source": "mails"})
    assert KIND.common_head_key(other) == KIND.common_head_key(TASK)
    for change in ({"text_pair": "reply"}, {"label_set": ("a",)}):
        assert KIND.common_head_key(TASK.model_copy(update=change)) != KIND.common_head_key(TASK)


def test_the_temperature_is_one_for_all_labels(head):
    # Three of four statements are right with odds of e^4 to 1; the best odds are 3 to 1.
    targets = np.int32([[1, 0, 1, 1], [0, 0, 1, 1]])
    logits = np.float32([[4, -4, 4, -4], [-4, -4, 4, -4]])
    task = TASK.model_copy(update={"label_set": ("a", "b", "c", "d")})
    head = MultiLabelHead(4, name="tags")
    head.build((None, None, 4), (None, None))
    KIND.calibrate(task, head, targets, {"logits": logits})
    assert head.temperature.numpy() == pytest.approx(4 / np.log(3), rel=1e-6)


def test_given_thresholds_are_used_and_the_others_chosen(head):
    logits = np.zeros([20, 3], np.float32) - 3.0
    logits[:10, 0] = 2.0
    targets = np.zeros([20, 3], np.int32)
    targets[:10, 0] = targets[0, 1] = 1
    answer = {"logits": logits}
    for thresholds, expected in {0.25: [10, 0, 0], 0.0: [20, 20, 20], 1.0: [0, 0, 0]}.items():
        task = TASK.model_copy(update={"thresholds": thresholds})
        found = KIND.calibrate(task, head, targets, answer)
        assert found["selected"].sum(axis=0).tolist() == expected
        np.testing.assert_array_equal(head.thresholds, np.full(3, thresholds, np.float32))
    head.thresholds.assign([0.5, 0.5, 0.5])
    task = TASK.model_copy(update={"thresholds": {"refund": 0.0}})
    # In the graph from the start, even if no validation row has a target.
    assert KIND.answer(task, tf.constant(logits), head)["selected"].numpy()[:, 1].all()
    found = KIND.calibrate(task, head, targets, answer)
    assert found["selected"].sum(axis=0).tolist() == [10, 20, 0]
    assert head.thresholds.numpy()[1] == 0.0


def test_a_threshold_of_no_label_is_told():
    task = TASK.model_copy(update={"thresholds": {"refnd": 0.3}})
    with pytest.raises(ConfigurationError, match=r"tags.thresholds: unknown label 'refnd'; did you mean 'refund'"):
        KIND.check(task, None)


def test_the_most_probable_labels_are_shown():
    whole = KIND.as_json(ANSWER, 0, TASK.label_set)
    shown = KIND.shown(whole, KIND.client_options(TASK.model_copy(update={"top_k": 1})))
    assert shown == {"labels": ["parcel", "urgent"], "probabilities": {"parcel": whole["probabilities"]["parcel"]}}
