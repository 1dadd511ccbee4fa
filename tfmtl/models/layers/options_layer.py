"""A Keras layer whose keyword arguments are typed options, in addition to those of every layer."""

from typing import ClassVar

import keras

from tfmtl.core.registry import Options
from tfmtl.core.validation import validate


class OptionsLayer(keras.layers.Layer):
    """Base of layers that take their options by keyword, as Keras layers do: `TransformerEncoder(layers=2, hidden=64)`.

    Attributes:
        options: the validated options; a subclass sets their type by `options_class`.
    """

    options_class: ClassVar[type[Options]] = Options

    def __init__(self, **kwargs):
        names = self.options_class.model_fields
        given = {name: kwargs.pop(name) for name in list(kwargs) if name in names}
        super().__init__(**kwargs)
        self.options = validate(self.options_class, given, type(self).__name__)

    def get_config(self):
        return {**super().get_config(), **self.options.model_dump()}
