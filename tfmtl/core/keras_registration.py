"""Lets `keras.models.load_model` load this package's models after `import tfmtl`, which does not import Keras.

Keras finds a saved class by its registered name, and a class is registered when its module is imported. `import tfmtl`
imports no module that needs Keras, so that the command line starts quickly. A stand-in is therefore registered as soon
as Keras is imported. When a model is loaded, the stand-in imports the real class.
"""

import importlib.abc
import importlib.util
import sys
from typing import Any


def register_when_keras_is_imported() -> None:
    """Registers the stand-in: immediately if Keras has been imported, otherwise as soon as it is."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds Keras through the other finders and makes its loader register the stand-in after the import."""

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
            raise TypeError("a stand-in is not a model")
