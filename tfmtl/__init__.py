"""One Keras model that reads a text once, classifies it and writes its summary."""

import importlib

__version__ = "0.1.0"

_MODULES = {
    "ConfigurationError": "tfmtl.errors",
    "DataError": "tfmtl.errors",
    "Experiment": "tfmtl.config",
    "RunError": "tfmtl.errors",
    "RunFolder": "tfmtl.training.run_folder",
    "UserError": "tfmtl.errors",
    "affinity": "tfmtl.experiment",
    "build_model": "tfmtl.steps",
    "compare": "tfmtl.comparison",
    "evaluate": "tfmtl.experiment",
    "evaluate_model": "tfmtl.steps",
    "export": "tfmtl.experiment",
    "load_experiment": "tfmtl.config_file",
    "predict": "tfmtl.experiment",
    "preprocess_data": "tfmtl.steps",
    "train": "tfmtl.experiment",
    "train_model": "tfmtl.steps",
}

_PACKAGES = ("balancing",)

__all__ = [*_MODULES, *_PACKAGES]


def __getattr__(name: str):
    """Imports a public name when it is first used, so that `import tfmtl` does not wait for TensorFlow."""
    if name in _PACKAGES:
        return importlib.import_module(f"tfmtl.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module 'tfmtl' has no attribute '{name}'")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
