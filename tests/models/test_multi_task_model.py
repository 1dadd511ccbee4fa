import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.data.batches import batches
from tfmtl.models.multi_task_model import MultiTaskModel


@pytest.fixture(scope="module")
def batch(data):
    return batches(data.tables, data.plan, 0, 1)


@pytest.fixture(scope="module")
def inputs(batch):
    return next(iter(batch))[0]


@pytest.fixture(scope="module")
def outputs(model, inputs):
    return traced(model)(inputs)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    return path


def traced(model):
    return tf.function(lambda inputs: model(inputs, training=False), autograph=False)


def assert_same_outputs(found, expected, **tolerance):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, err_msg=name, **tolerance)


def test_fit_and_evaluate_report_each_task_s_loss(compiled, batch):
    model, update = compiled
    names = {"loss", "topic_loss", "title_loss", "same_loss", "stars_loss"}
    before = model.evaluate(batch, verbose=0, return_dict=True)
    history = model.fit(batch, verbose=0).history
    assert set(before) == set(history) == names
    # The losses of a step are those before it.
    for name in names:
        assert history[name] == [pytest.approx(before[name], rel=1e-4)]
    assert before["loss"] == pytest.approx(sum(before[f"{task}_loss"] for task in update.tasks), rel=1e-5)
    after = model.evaluate(batch, verbose=0, return_dict=True)
    in_order = [after[name] for name in ("loss", "same_loss", "stars_loss", "title_loss", "topic_loss")]
    assert model.evaluate(batch, verbose=0) == pytest.approx(in_order, rel=1e-5)


def test_a_saved_model_gives_the_same_outputs(saved, inputs, outputs):
    assert_same_outputs(traced(keras.models.load_model(saved))(inputs), outputs, atol=1e-6)


def test_a_loaded_model_has_the_same_network(saved, model, inputs):
    loaded = keras.models.load_model(saved)
    assert isinstance(loaded, MultiTaskModel)
    assert (loaded.name, loaded.slices, loaded.network.decoder_of) == (
        model.name,
        model.slices,
        model.network.decoder_of,
    )
    layers, of_model = loaded.network.layers, model.network.layers
    assert layers.as_config() == of_model.as_config()
    assert list(loaded.input) == list(model.input) and list(loaded.output) == list(model.output)
    # Its methods run the weights that were loaded, and not other ones.
    assert {id(v) for v in layers.sharing.variables} <= {id(v) for v in loaded.variables}
    found, expected = (of.network.encode(inputs["tokens"]).states["topic"].last for of in (loaded, model))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_loaded_model_is_not_compiled_and_has_no_metrics(saved):
    loaded = keras.models.load_model(saved)
    assert isinstance(loaded, MultiTaskModel)
    assert loaded.update is None and not loaded.compiled
    assert loaded.metrics == []


def test_its_file_has_no_state_of_an_optimizer(compiled, batch, saved, tmp_path):
    model, _ = compiled
    model.fit(batch, verbose=0)
    model.save_without_optimizer(tmp_path / "model.keras")
    assert model.optimizer is not None and int(model.optimizer.iterations) == 1
    assert (tmp_path / "model.keras").stat().st_size < 1.1 * saved.stat().st_size
    for value, expected in zip(
        keras.models.load_model(tmp_path / "model.keras").get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(value, expected)


def test_a_copy_has_the_same_weights_and_none_of_the_variables(model, inputs, outputs):
    copy = model.copy()
    assert not {id(variable) for variable in copy.variables} & {id(variable) for variable in model.variables}
    for value, expected in zip(copy.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)
    assert_same_outputs(traced(copy)(inputs), outputs, atol=1e-6)


def test_a_copy_in_bfloat16_has_the_nearest_weights(model, inputs, outputs):
    before = model.get_weights()
    copy = model.copy(dtype="bfloat16")
    for variable, value in zip(copy.variables, before, strict=True):
        if "temperature" in variable.path:
            # What divides logits, which are float32.
            assert variable.dtype == "float32" and variable == value
            continue
        assert variable.dtype == "bfloat16"
        nearest = tf.cast(tf.cast(value, tf.bfloat16), tf.float32)
        np.testing.assert_array_equal(tf.cast(variable.value, tf.float32), nearest)
    small = traced(copy)(inputs)
    assert all(output.dtype == tf.float32 for output in small.values())
    for name, values in outputs.items():
        assert np.abs(small[name] - values).mean() < 0.1 * np.std(values), name
    # The model itself stays as it was.
    for value, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_it_can_be_summarized_and_drawn(model, tmp_path):
    lines = []
    model.summary(print_fn=lines.append)
    assert "title_decoder" in "\n".join(lines)
    pytest.importorskip("pydot")
    if not shutil.which("dot"):
        pytest.skip("graphviz is not there")
    keras.utils.plot_model(model, tmp_path / "model.png", show_shapes=True)
    assert (tmp_path / "model.png").stat().st_size > 1000


def plain_losses():
    """What Keras trains each output by; a target is always there."""
    return {
        "topic": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "same": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "stars": keras.losses.MeanSquaredError(),
        "title": lambda targets, likelihood: -likelihood,
    }


def test_compiled_with_losses_of_keras_it_trains_as_any_functional_model(model, inputs):
    # Plain labels in the shapes of the outputs: what Keras' losses take, that know of no absent target.
    generator = np.random.default_rng(0)
    rows, written = len(inputs["tokens"]), len(inputs["tokens_title"])
    targets = {
        "topic": generator.integers(0, 2, rows + written),
        "same": generator.integers(0, 2, rows),
        "stars": generator.normal(size=rows).astype(np.float32),
        "title": np.zeros([written, inputs["target_title"].shape[1] - 1], np.float32),
    }
    examples = tf.data.Dataset.from_tensors((inputs, targets))
    copy = model.copy()
    start = copy.get_weights()
    found = {}
    for trained in (copy, keras.Model(copy.input, copy.output)):
        trained.set_weights(start)
        trained.compile("adam", loss=plain_losses(), jit_compile=False)
        before = trained.fit(examples, epochs=2, verbose=0).history["loss"]
        found[type(trained)] = [*before, trained.evaluate(examples, verbose=0, return_dict=True)["loss"]]
    of_ours, of_keras = found.values()
    assert found.keys() == {MultiTaskModel, type(keras.Model(copy.input, copy.output))}
    np.testing.assert_allclose(of_ours, of_keras, rtol=1e-5)
    # Adam moves each weight by about a thousandth in each of the two steps.
    assert of_ours[0] > of_ours[1] > of_ours[2]
    assert copy.update is None and "topic_loss" in [metric.name for metric in copy.metrics]


def test_compiled_again_without_an_update_keras_trains_it(compiled):
    model, update = compiled
    assert model.update is update and model.metrics == [update.means]
    model.compile("sgd", loss=plain_losses())
    assert model.update is None and update.means not in model.metrics


def test_logs_stay_scalars_with_one_worker(compiled):
    model, _ = compiled
    assert model._as_logs({"loss": tf.constant(1.0)})["loss"].shape == ()
