"""What schemes inside the trunk have in common, on a Transformer and on a pretrained encoder."""

import json
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.sharing.conftest import TASKS, TOKENS
from tests.presets import save_preset
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import ENCODERS, SHARING
from tfmtl.models.saved_layers import layer_config, layer_of

SCHEMES = {
    "adapters": {"bottleneck": 3},
    "pals": {"width": 6, "heads": 2},
    "lora_per_task": {"rank": 2, "alpha": 4.0},
    "mtl_lora": {"rank": 2, "updates": 2},
    "tops": {"layers": 1},
    "cross_stitch": {"own": 0.8},
}
TRANSFORMER = {"layers": 2, "hidden": 8, "heads": 2, "feedforward": 8, "max_length": 16, "dropout": 0.0}


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return save_preset("bert", tmp_path_factory.mktemp("bert"))


@pytest.fixture
def make(bert):
    def make(scheme, encoder, **of_encoder):
        random.seed(5)
        options = TRANSFORMER if encoder == "transformer" else {"preset": str(bert), "max_length": 16}
        trunk = ENCODERS.get(encoder).build(**options, **of_encoder, name="trunk")
        built = SHARING.get(scheme).build(trunk, TASKS, name="sharing", **SCHEMES[scheme])
        built.build((None, None, trunk.width), (None, None))
        return built

    return make


def moved(scheme):
    """The scheme, its weights far from their initial ones."""
    generator = np.random.default_rng(1)
    for variable in scheme.trainable_variables:
        variable.assign(variable + 0.3 * generator.normal(size=variable.shape).astype(np.float32))
    return scheme


def embedded(scheme):
    return np.random.default_rng(2).normal(size=(2, 6, scheme.trunk.width)).astype(np.float32)


@pytest.mark.parametrize("encoder", ["transformer", "preset"])
@pytest.mark.parametrize("name", SCHEMES)
def test_a_new_scheme_reads_as_the_trunk_alone(make, name, encoder):
    scheme = make(name, encoder)
    read, real = embedded(scheme), TOKENS != 0
    alone = scheme.trunk(read, TOKENS)
    # The lower one of two layers is read once.
    assert scheme.readings(3) == (2 if name == "tops" else 3)
    for view in scheme(read, TOKENS).values():
        np.testing.assert_allclose(view.last[real], alone.last[real], atol=2e-5)
        assert len(view.context) == len(alone.context)
        for found, expected in zip(view.context, alone.context, strict=True):
            np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("encoder", ["transformer", "preset"])
@pytest.mark.parametrize("name", SCHEMES)
def test_a_task_reads_through_its_own_variables_and_the_shared_ones(make, name, encoder):
    scheme = moved(make(name, encoder))
    read, tokens = tf.constant(embedded(scheme)), tf.constant(TOKENS)
    variables = scheme.trainable_variables
    shared = {id(variable) for variable in scheme.shared_variables()}
    reached = {}
    for task in TASKS:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(scheme(read, tokens)[task].last[:, :3] ** 2)
        gradients = tape.gradient(loss, variables)
        reached[task] = {id(v) for v, gradient in zip(variables, gradients, strict=True) if gradient is not None}
    for task in TASKS:
        own = {id(variable) for variable in scheme.own_variables(task)}
        others = set().union(*(reached[other] for other in TASKS if other != task))
        assert own <= reached[task] and not own & others
        assert reached[task] <= own | shared
        assert bool(own) == (name != "cross_stitch")
    assert len({id(v) for t in TASKS for v in scheme.own_variables(t)} | shared) == len(variables)


@pytest.mark.parametrize("encoder", ["transformer", "preset"])
@pytest.mark.parametrize("name", SCHEMES)
def test_it_is_made_again_from_its_configuration(make, name, encoder):
    scheme = moved(make(name, encoder))
    again = layer_of(json.loads(json.dumps(layer_config(scheme))))
    again.build((None, None, scheme.trunk.width), (None, None))
    again.set_weights(scheme.get_weights())
    views = again(embedded(scheme), TOKENS)
    for task, view in scheme(embedded(scheme), TOKENS).items():
        np.testing.assert_allclose(views[task].last, view.last, atol=1e-5)
    assert not np.allclose(views["topic"].last, views["stars"].last, atol=1e-2)


@pytest.mark.parametrize("name", SCHEMES)
def test_long_texts_are_read_in_windows(make, name):
    scheme = moved(make(name, "transformer", text_overflow="windows"))
    tokens = np.concatenate([TOKENS[:, :3]] * 6, axis=1)
    read = np.random.default_rng(3).normal(size=(2, 18, 8)).astype(np.float32)
    found = scheme(read, tokens)
    first, second = scheme(read[:, :16], tokens[:, :16]), scheme(read[:, 16:], tokens[:, 16:])
    for task in TASKS:
        expected = np.concatenate([first[task].last, second[task].last], axis=1)
        np.testing.assert_allclose(found[task].last, expected, atol=1e-5)


@pytest.mark.parametrize("encoder", ["gpt", "bilstm_attention"])
def test_a_trunk_that_is_no_stack_is_refused(encoder):
    sizes = {"layers": 1, "hidden": 8, "max_length": 8}
    trunk = ENCODERS.get(encoder).build(**sizes, **({"heads": 2} if encoder == "gpt" else {}))
    with pytest.raises(ConfigurationError, match=r"^model\.sharing: this scheme acts inside the layers of the trunk"):
        SHARING.get("adapters").build(trunk, TASKS)


def test_layers_that_are_trained_anew_cannot_be_frozen_or_low_rank(make):
    with pytest.raises(ConfigurationError, match=r"^model\.encoder\.frozen: "):
        make("tops", "preset", frozen=True)
    with pytest.raises(ConfigurationError, match=r"^model\.encoder\.lora: "):
        make("cross_stitch", "preset", lora={"rank": 2})


def test_tops_leave_a_shared_bottom(make):
    too_many = SHARING.get("tops").build(ENCODERS.get("transformer").build(**TRANSFORMER), TASKS, layers=2)
    with pytest.raises(ConfigurationError, match=r"^model\.sharing\.layers: expected fewer than the trunk's 2"):
        too_many.build((None, None, 8), (None, None))


def test_pals_need_heads_that_divide_their_width():
    with pytest.raises(ConfigurationError, match=r"'width' \(7\) must be a multiple of 'heads' \(2\)"):
        SHARING.get("pals").build(ENCODERS.get("transformer").build(**TRANSFORMER), TASKS, width=7, heads=2)


def gelu(values):
    return np.array(keras.activations.gelu(values))


def test_an_adapter_is_a_bottleneck_with_a_residual_connection(make):
    adapter = moved(make("adapters", "transformer")).adapters["topic"][0]["attention"]
    down, down_bias, up, up_bias = (variable.numpy() for variable in adapter.trainable_variables)
    states = np.random.default_rng(0).normal(size=[2, 3, 8]).astype(np.float32)
    np.testing.assert_allclose(adapter(states), states + gelu(states @ down + down_bias) @ up + up_bias, atol=1e-5)


def test_houlsby_s_adapters_are_twice_as_many_as_pfeiffer_s():
    count = {}
    for variant in ("houlsby", "pfeiffer"):
        trunk = ENCODERS.get("transformer").build(**TRANSFORMER, name="trunk")
        scheme = SHARING.get("adapters").build(trunk, ["a", "b"], name="sharing", bottleneck=3, variant=variant)
        scheme.build((None, None, 8), (None, None))
        count[variant] = sum(int(np.prod(variable.shape)) for variable in scheme.own_variables("a"))
    # 2 layers; 2 d m + m + d parameters for each adapter.
    assert count == {"pfeiffer": 2 * (2 * 8 * 3 + 3 + 8), "houlsby": 4 * (2 * 8 * 3 + 3 + 8)}


@pytest.mark.parametrize("name", ["lora_per_task", "mtl_lora"])
def test_low_rank_updates_equal_their_formulas(make, name):
    scheme = moved(make(name, "transformer"))
    states = np.random.default_rng(0).normal(size=[2, 3, 8]).astype(np.float32)
    output = np.random.default_rng(1).normal(size=[2, 3, 8]).astype(np.float32)
    change = scheme.changes("title", TOKENS)[1].value
    if name == "lora_per_task":
        down, up = (factor.numpy() for factor in scheme.factors["title"][1][1])
        kernel = 4.0 / 2 * down @ up
    else:
        place = "layer_1_value"
        scores = np.exp(scheme.mixtures["title"][place].numpy() / 0.5)
        mixed = sum(share * up for share, up in zip(scores / scores.sum(), scheme.up[place].numpy(), strict=True))
        kernel = 16.0 / 2 * scheme.down[place].numpy() @ scheme.transforms["title"][place].numpy() @ mixed
    np.testing.assert_allclose(change(output, states), output + states @ kernel, rtol=1e-4, atol=1e-4)


def test_cross_stitch_units_mix_the_states_of_tasks(make):
    scheme = make("cross_stitch", "transformer")
    np.testing.assert_allclose(scheme.units[0], np.where(np.eye(3), 0.8, 0.1), rtol=1e-6)
    moved(scheme)
    trunk, read = scheme.trunk, embedded(scheme)
    hidden = [trunk.begin(read, TOKENS)] * 3
    for i, unit in enumerate(scheme.units):
        layers = [scheme.stacks[task][i] for task in TASKS]
        outputs = [np.array(trunk.through(*pair, TOKENS)[0]) for pair in zip(layers, hidden, strict=True)]
        hidden = [sum(share * output for share, output in zip(row, outputs, strict=True)) for row in unit.numpy()]
    for task, states in zip(TASKS, hidden, strict=True):
        np.testing.assert_allclose(scheme(read, TOKENS)[task].last, trunk.end(states).last, atol=1e-4)


def test_pals_add_projected_attention_of_the_layer_s_input(make):
    scheme = moved(make("pals", "transformer"))
    states = np.random.default_rng(0).normal(size=[2, 6, 8]).astype(np.float32)
    output = np.zeros_like(states)
    projected = states @ scheme.down["stars"].kernel.numpy()
    attention, mask = scheme.attentions["stars"][1], (TOKENS != 0)[:, None, None, :]
    expected = np.array(attention(projected, projected, mask)) @ scheme.up["stars"].kernel.numpy()
    np.testing.assert_allclose(scheme.changes("stars", TOKENS)[1].feedforward(output, states), expected, atol=1e-5)
