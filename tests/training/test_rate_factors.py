import numpy as np
import pytest

from tests.presets import save_preset
from tfmtl.config.experiment import parse
from tfmtl.config.learning_rates import LearningRates
from tfmtl.data.columns import DenseColumn
from tfmtl.data.tables import Slice
from tfmtl.data.tokenizers.preset import load_tokenizer, piece_order
from tfmtl.models.build import build_model
from tfmtl.training.rate_factors import rate_factors

RATES = LearningRates(trunk=0.125, heads=0.5, decoders=0.25)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Returns the network of a preset, with a task that is classified and one that is written."""

    def make(family, **encoder):
        folder = save_preset(family, tmp_path_factory.mktemp(family))
        encoder = {"type": "preset", "preset": str(folder), "max_length": 8, "decoder_heads": 2, **encoder}
        experiment = parse(
            {
                "sources": {"s": {"format": "tsv", "train": "a.tsv"}},
                "tasks": {
                    "topic": {"kind": "classification", "source": "s", "labels": ["a", "b"]},
                    "title": {"kind": "summarization", "source": "s", "max_length": 4},
                },
                "model": {"encoder": encoder, "sharing": {"type": "mmoe", "experts": 2}},
            }
        )
        columns = {"topic": DenseColumn(np.array([0, 1], np.int32)), "title": None}
        slices = [Slice("tokens_title", ("topic",), ("title",))]
        vocabulary_size = len(piece_order(load_tokenizer(str(folder))))
        return build_model(experiment.model, experiment.tasks, slices, columns, vocabulary_size, "float32").network

    return make


def factors_of(network, *layers):
    factors = rate_factors(network, RATES)
    return {factors[variable.path] for layer in layers for variable in layer.trainable_variables}


def test_what_is_new_learns_at_its_own_rate(small):
    network = small("bert")
    layers = network.layers
    trunk = layers.sharing.trunk
    assert factors_of(network, layers.embedding, trunk) == {0.25}
    assert factors_of(network, *layers.heads.values()) == {1.0}
    assert factors_of(network, layers.decoders["title"]) == {0.5}
    # The gates and the experts, which are not the trunk's.
    factors, of_trunk = rate_factors(network, RATES), {variable.path for variable in trunk.trainable_variables}
    added = [variable.path for variable in layers.sharing.trainable_variables if variable.path not in of_trunk]
    assert added and {factors[path] for path in added} == {1.0}


def test_pretrained_decoders_learn_at_the_rate_of_the_trunk(small):
    network = small("bart")
    assert factors_of(network, network.layers.decoders["title"]) == {0.25}


def test_the_trunk_s_own_factors_come_on_top(small):
    network = small("bert", layer_decay=0.5)
    # Of two layers, the embedding lies three steps below the heads.
    assert factors_of(network, network.layers.embedding) == {0.25 * 0.5**3}
    assert factors_of(network, network.layers.decoders["title"]) == {0.5}
