import json

import keras
import numpy as np

from tfmtl.models.encoders.transformer import TransformerEncoder
from tfmtl.models.saved_layers import layer_config, layer_of

SIZE = {"layers": 1, "hidden": 8, "heads": 2, "feedforward": 8, "max_length": 6}


def test_a_layer_is_made_again_of_its_configuration_and_not_built():
    layer = TransformerEncoder(**SIZE, name="trunk")
    layer.build((None, None, 8), (None, None))
    again = layer_of(json.loads(json.dumps(layer_config(layer))))
    assert isinstance(again, TransformerEncoder) and again is not layer
    assert (again.options, again.name, again.built) == (layer.options, "trunk", False)


def test_a_layer_of_keras_itself_is_made_again_too():
    dense = keras.layers.Dense(3, name="output")
    dense.build((None, 2))
    again = layer_of(layer_config(dense))
    assert (again.units, again.name, again.built) == (3, "output", False)
    assert again(np.ones([4, 5], np.float32)).shape == (4, 3)


def test_what_is_a_layer_already_stays_the_same_one():
    layer = keras.layers.Dense(3)
    assert layer_of(layer) is layer
