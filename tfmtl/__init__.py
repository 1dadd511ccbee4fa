"""One Keras model that reads a text once, classifies it and writes its summary."""

import importlib

__version__ = "0.1.0"

_MODULES = {
    "ConfigurationError": "tfmtl.core.errors",
    "DataError": "tfmtl.core.errors",
    "Experiment": "tfmtl.config.experiment",
    "RunError": "tfmtl.core.errors",
    "RunFolder": "tfmtl.runs.run_folder",
    "UserError": "tfmtl.core.errors",
    "affinity": "tfmtl.api.affinity",
    "build_model": "tfmtl.api.tutorial",
    "compare": "tfmtl.api.compare",
    "evaluate": "tfmtl.api.evaluate",
    "evaluate_model": "tfmtl.api.tutorial",
    "export": "tfmtl.api.export",
    "load_experiment": "tfmtl.config.yaml_file",
    "predict": "tfmtl.api.predict",
    "preprocess_data": "tfmtl.api.tutorial",
    "train": "tfmtl.api.train",
    "train_model": "tfmtl.api.tutorial",
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
