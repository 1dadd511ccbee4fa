import keras
import pytest

from tfmtl.models.layers.name_scopes import name_scopes


@pytest.mark.parametrize(("path", "expected"), [("trunk/layer_0", "trunk/layer_0/dense/kernel"), ("", "dense/kernel")])
def test_variables_have_paths_below_it(path, expected):
    layer = keras.layers.Dense(2, name="dense")
    with name_scopes(path):
        layer.build((None, 3))
    assert layer.kernel.path == expected
