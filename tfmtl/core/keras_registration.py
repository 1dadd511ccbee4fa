"""Models of this package load by `keras.models.load_model` once `tfmtl` is imported, though that imports no Keras.

Keras finds a saved class by the name under which it is registered, which the class does when its module is imported.
`import tfmtl` imports no module that needs Keras, so that the command line does not wait for it. So a stand-in is
registered as soon as Keras is there; it imports the class that it stands for when a model is loaded.
"""

import importlib.abc
import importlib.util
import sys
from typing import Any


def register_when_keras_is_imported() -> None:
    """Registers the stand-in, at once where Keras has been imported, else when it is."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds Keras as the other finders do, and has its loader register the stand-in at the end."""

    def find_spec(self, name, path, target=None):
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module) -> None:
                execute(module)
                _register()

            spec.loader.exec_module = execute_and_register
        return spec


def _register() -> None:
    import keras

    @keras.saving.register_keras_serializable("tfmtl", "MultiTaskModel")
    class _StandIn:
        @classmethod
        def from_config(cls, config: dict[str, Any]):
            from tfmtl.models.multi_task_model import MultiTaskModel

            return MultiTaskModel.from_config(config)

        def get_config(self) -> dict[str, Any]:
            raise TypeError("a stand-in is no model")
