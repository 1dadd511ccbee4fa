import keras
import pytest

from tests.models.pretrained.backbones import CAUSAL, ENCODERS
from tfmtl.models.pretrained.encoder_graph import layer_depths


@pytest.mark.parametrize("family", [*CAUSAL, *ENCODERS])
def test_depths_count_the_layers_that_read_and_a_last_norm_has_that_of_the_last(family):
    backbone = {**CAUSAL, **ENCODERS}[family]()
    depths = layer_depths(backbone)
    reading = keras.tree.flatten(backbone.transformer_layers)
    found = {id(layer): depth for layer, depth in depths}
    assert [found[id(layer)] for layer in reading] == list(range(1, len(reading) + 1))
    norms = [depth for layer, depth in depths if layer.weights and layer not in reading]
    assert set(norms) <= {0, len(reading)}
    # Encoders normalize embeddings, causal models what the last layer gives.
    assert (len(reading) if family in CAUSAL else 0) in norms
