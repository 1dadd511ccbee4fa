import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.config.options import GenerationOptions
from tfmtl.data.packing import Packing
from tfmtl.generation.reader import Reader
from tfmtl.models.added_heads import extended_head, with_heads
from tfmtl.models.layers.pooled_head import PooledHead
from tfmtl.models.layers.solved_head import LinearScores, PooledFeatures, SolvedHead
from tfmtl.training.train import make_model

PACKING = Packing(48)
TEXTS = ["the cat sleeps in the garden.", "a puppy runs away and her tomcat eats the fish under a chair."]


def solved_head(classes, name):
    return SolvedHead(PooledFeatures(name="features"), LinearScores(classes, name="scores"), name=name)


def reader_of(model, data):
    names = [name for name in data.tasks if name in model.network.layers.heads]
    return Reader(
        model, {name: data.tasks[name] for name in names}, data.tokenizer, PACKING, GenerationOptions(beams=1)
    )


def answers(model, data):
    reader = reader_of(model, data)
    read = tf.function(lambda text, pair: reader.read(reader.tasks, text, pair))
    return read(tf.constant(TEXTS), tf.constant(TEXTS[::-1]))


@pytest.fixture(scope="module")
def added(model):
    heads = {"place": solved_head(3, "place"), "mood": PooledHead(2, name="mood")}
    return with_heads(model, heads)


def test_old_tasks_answer_bit_for_bit_as_before(model, added, data):
    before, after = answers(model, data), answers(added, data)
    assert before.keys() == after.keys() == data.tasks.keys()
    for name, answer in before.items():
        for suffix, values in answer.items():
            np.testing.assert_array_equal(values, after[name][suffix], err_msg=f"{name} {suffix}")


def test_the_model_itself_is_not_changed(model, added):
    assert added is not model
    assert "place" not in model.network.layers.heads
    assert model.network.layers.sharing.added == []
    assert added.network.layers.sharing.added == ["place", "mood"]


def test_new_heads_read_the_states_of_the_trunk(added):
    tokens = np.array([[2, 9, 10, 11, 3]], np.int32)
    network = added.network
    encoded = network.encode(tokens)
    trunk = network.layers.sharing.trunk(network.layers.embedding(tokens), tokens).last
    np.testing.assert_array_equal(encoded.states["place"].last, trunk)
    outputs = network.head_outputs(["place", "mood"], encoded)
    np.testing.assert_array_equal(outputs["place"], network.layers.heads["place"](trunk, tokens))
    assert outputs["mood"].shape == (1, 2)
    assert network.readings(6) == 1


def test_it_is_saved_and_loaded(added, tmp_path):
    added.network.layers.heads["place"].scores.set_weights([np.ones((16, 3)), np.arange(3)])
    added.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    tokens = np.array([[2, 9, 10, 11, 3]], np.int32)
    for name in ("place", "mood", "topic"):
        outputs = [model.network.head_outputs([name], model.network.encode(tokens))[name] for model in (added, loaded)]
        np.testing.assert_array_equal(*outputs)


def test_a_head_is_extended_and_extended_again(model):
    tokens = np.array([[2, 9, 10, 11, 3]], np.int32)
    old = model.network.head_outputs(["topic"], model.network.encode(tokens))["topic"]
    once = with_heads(model, {"topic": extended_head(model, "topic", 2, solved_head(3, "topic"))})
    twice = with_heads(once, {"topic": extended_head(once, "topic", 3, solved_head(4, "topic"))})
    found = np.asarray(twice.network.head_outputs(["topic"], twice.network.encode(tokens))["topic"])
    assert found.shape == (1, 4)
    np.testing.assert_allclose(found[0, 0] - found[0, 1], old[0, 0] - old[0, 1], atol=1e-5)
    assert twice.network.layers.sharing.added == []


def test_beside_adapters_a_new_task_reads_the_plain_trunk_which_is_one_reading_more(make_experiment, data):
    model = make_model(make_experiment(model={"sharing": "adapters"}), data)
    added = with_heads(model, {"place": solved_head(3, "place"), "mood": PooledHead(2, name="mood")})
    tokens = np.array([[2, 9, 10, 11, 3]], np.int32)
    outputs = [each.network.head_outputs(["topic"], each.network.encode(tokens))["topic"] for each in (model, added)]
    np.testing.assert_array_equal(*outputs)
    network = added.network
    trunk = network.layers.sharing.trunk.read(network.layers.embedding(tokens), tokens).last
    np.testing.assert_allclose(network.encode(tokens).states["place"].last, trunk, atol=1e-6)
    assert (model.network.readings(4), network.readings(6)) == (4, 5)


def test_behind_experts_a_new_task_reads_the_trunk_and_old_ones_their_views(make_experiment, data):
    model = make_model(make_experiment(model={"sharing": "mmoe"}), data)
    added = with_heads(model, {"place": solved_head(3, "place")})
    tokens = np.array([[2, 9, 10, 11, 3]], np.int32)
    for name in ("topic", "stars"):
        outputs = [each.network.head_outputs([name], each.network.encode(tokens))[name] for each in (model, added)]
        np.testing.assert_array_equal(*outputs)
    network = added.network
    trunk = network.layers.sharing.trunk(network.layers.embedding(tokens), tokens).last
    np.testing.assert_array_equal(network.encode(tokens).states["place"].last, trunk)
