import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfmtl
from tests.presets import save_preset
from tfmtl.config.options import ModelOptions
from tfmtl.core.errors import RunError, UserError
from tfmtl.data.tables import Slice
from tfmtl.data.tokenizers.preset import load_tokenizer, piece_order
from tfmtl.kinds.classification.options import Classification
from tfmtl.models.build import build_model
from tfmtl.runs.loading import load_reader
from tfmtl.serving.export.quantization import QUANTIZATIONS, loss_by_quantization, quantized


@pytest.fixture(scope="module")
def reader(run):
    return load_reader(run)


def heads(reader, tokens):
    answers = reader.answer(["topic", "stars"], tokens)
    return {"topic": answers["topic"]["probabilities"].numpy(), "stars": answers["stars"]["score"].numpy()}


TOKENS = tf.constant([[1, 9, 12, 30, 7, 2, 0], [1, 8, 7, 6, 15, 22, 2]])


def test_int8_weights_are_those_of_the_model_to_half_a_step_of_their_scale(reader):
    weights = reader.model.get_weights()
    small = quantized(reader, "int8")
    for before, after in zip(_denses(reader.model), _denses(small.model), strict=True):
        assert after._kernel.dtype == "int8"
        kernel = np.array(before._kernel)
        scale = np.array(after.kernel_scale)
        step = np.abs(kernel).max(axis=0) / 127
        assert np.abs(np.array(after._kernel) / scale - kernel).max() <= 0.51 * step.max()
    np.testing.assert_allclose(heads(small, TOKENS)["topic"], heads(reader, TOKENS)["topic"], atol=0.02)
    # The model itself stays as it was.
    for value, expected in zip(reader.model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_linear_experts_are_quantized_too():
    encoder = {"layers": 1, "hidden": 8, "heads": 2, "feedforward": 8, "max_length": 8}
    options = {"encoder": encoder, "linear_expert": {"order": 1}}
    tasks = {
        name: Classification(name=name, source="s", labels=labels)
        for name, labels in {"topic": ("a", "b", "c"), "other": ("a", "b")}.items()
    }
    slices = [Slice("tokens", tuple(tasks), ())]
    model = build_model(ModelOptions.model_validate(options), tasks, slices, {}, 40, "float32")
    experts = model.network.layers.linear_experts
    generator = np.random.default_rng(0)
    experts.set_weights([generator.normal(size=weight.shape) ** 2 for weight in experts.weights])
    small = QUANTIZATIONS["int8"](model)
    assert small.network.layers.linear_experts.coefficients._embeddings.dtype == "int8"
    # Of each n-gram the numbers of all tasks have a scale in common; half a step of it is the most that is lost.
    lost = np.abs(np.array(experts.coefficients.embeddings)).max() / 127 / 2
    found = small.network.linear_scores(TOKENS)
    for name, scores in model.network.linear_scores(TOKENS).items():
        # Features of a row have a length of one, so at most so many steps add up as the root of seven n-grams.
        np.testing.assert_allclose(found[name], scores, atol=experts.options.weight * lost * 7**0.5)


def test_pretrained_kernels_with_an_axis_for_heads_are_quantized_too(tmp_path):
    folder = save_preset("bert", tmp_path)
    encoder = {"type": "preset", "preset": str(folder), "max_length": 8, "lora": {"rank": 2}}
    tasks = {"topic": Classification(name="topic", source="s", labels=("a", "b"))}
    options = ModelOptions.model_validate({"encoder": encoder})
    rows = len(piece_order(load_tokenizer(str(folder))))
    model = build_model(options, tasks, [Slice("tokens", ("topic",), ())], {}, rows, "float32")
    generator = np.random.default_rng(0)
    for variable in model.network.layers.sharing.trunk.trainable_variables:
        variable.assign(0.3 * generator.normal(size=variable.shape))
    expected = model({"tokens": TOKENS})["topic"]
    model.network.layers.sharing.trunk.merge_updates()
    np.testing.assert_allclose(model({"tokens": TOKENS})["topic"], expected, atol=1e-5)
    small = QUANTIZATIONS["int8"](model)
    kernels = [v for v in small.network.layers.sharing.trunk.weights if v.name == "kernel" and len(v.shape) > 1]
    assert len(kernels) == 12 and {variable.dtype for variable in kernels} == {"int8"}
    np.testing.assert_allclose(small({"tokens": TOKENS})["topic"], expected, atol=0.05)


def test_bfloat16_weights_are_the_nearest(reader):
    small = quantized(reader, "bfloat16")
    for before, after in zip(reader.model.weights, small.model.weights, strict=True):
        if before.name == "temperature":
            # It divides logits, which are float32.
            assert after.dtype == "float32"
        elif before.dtype == "float32":
            assert after.dtype == "bfloat16"
            expected = tf.cast(tf.cast(before.value, tf.bfloat16), tf.float32)
            np.testing.assert_array_equal(tf.cast(after.value, tf.float32), expected)
    answers = heads(small, TOKENS)
    assert answers["topic"].dtype == np.float32
    np.testing.assert_allclose(answers["topic"], heads(reader, TOKENS)["topic"], atol=0.05)


def _denses(model):
    return [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Dense) and layer.built]


def test_what_was_measured_of_both_is_compared():
    before = {"topic": {"accuracy": 0.5, "f1_macro": 0.25}, "title": {}}
    after = {"topic": {"accuracy": 0.25}, "title": {}}
    assert loss_by_quantization(before, after) == [("topic", "accuracy", 0.5, 0.25)]


def test_a_quantized_export_of_the_encoder_is_smaller_and_says_what_it_costs(export, light_export):
    version = light_export
    assert list(json.loads((version / "metadata.json").read_text())["tasks"]) == ["topic", "same", "stars"]
    loaded = tf.saved_model.load(str(version))
    assert {"classify", "same", "serving_default", "stars", "topic"} <= set(loaded.signatures)
    assert not {"summarize", "title"} & set(loaded.signatures)
    names = {path.name for path in (version / "variables").iterdir()}
    assert "variables.data-00000-of-00001" in names
    sizes = [(path / "variables" / "variables.data-00000-of-00001").stat().st_size for path in (version, export)]
    assert sizes[0] < 0.45 * sizes[1]
    card = (version / "model_card.md").read_text()
    assert "## Weights in int8" in card and "| title |" not in card
    (line,) = [line for line in card.splitlines() if line.startswith("| topic | accuracy |")]
    before, after, difference = (float(cell) for cell in line.split("|")[3:6])
    assert difference == pytest.approx(after - before, abs=1e-4)


def test_an_export_of_the_encoder_is_refused_where_there_is_one_of_all_tasks(run, export):
    with pytest.raises(RunError, match="holds an export of other tasks"):
        tfmtl.export(run, export.parent, encoder_only=True)


def test_an_unknown_quantization_is_told(run, tmp_path):
    with pytest.raises(UserError, match="did you mean 'int8'"):
        tfmtl.export(run, tmp_path / "tiny", quantize="int4")
    assert not (tmp_path / "tiny").exists()
