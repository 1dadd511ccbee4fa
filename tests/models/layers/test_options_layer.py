import keras
import numpy as np
import pytest
from pydantic import Field

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import Options
from tfmtl.models.layers.options_layer import OptionsLayer


class ScaleOptions(Options):
    factor: float = Field(1.0, gt=0.0)
    shift: int = 0


@keras.saving.register_keras_serializable("tests")
class Scale(OptionsLayer):
    options_class = ScaleOptions

    def call(self, values):
        return self.options.factor * values + self.options.shift


def test_it_is_made_by_keyword_as_keras_layers_are():
    layer = Scale(factor=2.0, shift=1, name="twice", dtype="bfloat16", trainable=False)
    assert layer.options == ScaleOptions(factor=2.0, shift=1)
    assert (layer.name, layer.compute_dtype, layer.trainable) == ("twice", "bfloat16", False)
    assert Scale().options == ScaleOptions()
    assert np.array(layer(np.float32([3.0]))).tolist() == [7.0]


def test_a_keyword_that_neither_it_nor_keras_knows_is_refused():
    with pytest.raises(ValueError, match=r"Unrecognized keyword arguments.*'factr'"):
        Scale(factr=2.0)


def test_a_value_that_does_not_fit_is_refused_with_its_place():
    with pytest.raises(ConfigurationError, match=r"^Scale.factor: .* greater than 0, found 0.0$"):
        Scale(factor=0.0)
    with pytest.raises(ConfigurationError, match=r"^Scale.shift: .*, found 'one'$"):
        Scale(shift="one")


def test_its_configuration_has_every_option_and_makes_it_again():
    layer = Scale(factor=2.0, name="twice")
    config = layer.get_config()
    assert (config["factor"], config["shift"], config["name"]) == (2.0, 0, "twice")
    again = Scale.from_config(config)
    assert (again.options, again.get_config()) == (layer.options, config)
