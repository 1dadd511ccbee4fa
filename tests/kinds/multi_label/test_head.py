import keras
import numpy as np

from tfmtl.kinds.multi_label.head import MultiLabelHead

STATES = np.random.default_rng(0).normal(size=[2, 4, 8]).astype(np.float32)
TOKENS = np.int32([[2, 7, 3, 0], [2, 5, 6, 3]])


def made():
    head = MultiLabelHead(3, dropout=0.0, name="tags")
    head.build(STATES.shape, TOKENS.shape)
    return head


def test_it_has_a_threshold_of_one_half_for_each_label_that_is_not_learned():
    head = made()
    np.testing.assert_array_equal(head.thresholds, np.full(3, 0.5, np.float32))
    assert not any(variable is head.thresholds for variable in head.trainable_variables)


def test_thresholds_change_no_logits():
    head = made()
    before = np.array(head(STATES, TOKENS))
    pooled = np.stack([STATES[0, :3].mean(axis=0), STATES[1].mean(axis=0)])
    np.testing.assert_allclose(before, pooled @ np.array(head.output_layer.kernel), rtol=1e-4, atol=1e-6)
    head.thresholds.assign([0.1, 0.9, 0.5])
    np.testing.assert_array_equal(head(STATES, TOKENS), before)


def test_its_configuration_and_weights_make_it_again():
    head = made()
    head.thresholds.assign([0.1, 0.9, 0.5])
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(head))
    assert type(again) is MultiLabelHead and again.get_config() == head.get_config()
    again.set_weights(head.get_weights())
    np.testing.assert_array_equal(again.thresholds, head.thresholds)


def test_a_file_from_before_there_were_temperatures_leaves_it_at_one():
    head = made()
    head.temperature.assign(3.0)
    store = {}
    head.save_own_variables(store)
    np.testing.assert_array_equal(store["1"], 3.0)
    again = made()
    again.load_own_variables(store)
    assert again.temperature.numpy() == 3.0
    again = made()
    again.load_own_variables({"0": np.float32([0.1, 0.9, 0.5])})
    assert again.temperature.numpy() == 1.0
    np.testing.assert_array_equal(again.thresholds, np.float32([0.1, 0.9, 0.5]))
