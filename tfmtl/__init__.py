"""One Keras model that reads a text once, classifies it and writes its summary.

The public functions:

- `fit(tasks, data)` trains on a DataFrame or other tables in memory; `train(experiment)` trains a YAML file.
- `evaluate(run)` measures a run's best model, `compare(runs)` shows whether one model is better than another, and
  `affinity` shows which tasks help each other.
- `adapt(run, tasks)` teaches a run new tasks from few rows.
- `load(run_or_export).predict(rows)` answers every task about texts; `predict` does so once.
- `export(run)` writes a SavedModel that takes raw strings; `tfmtl serve` on the command line serves it.
- `datasets(run)` returns the batches of each split, for training the Keras model in another way.
- `preprocess_data`, `build_model`, `train_model` and `evaluate_model` do the same in four steps.
"""

import importlib
from typing import TYPE_CHECKING

from tfmtl.core.keras_registration import register_when_keras_is_imported

if TYPE_CHECKING:
    from tfmtl import balancing as balancing
    from tfmtl.api.adapt import adapt as adapt
    from tfmtl.api.affinity import affinity as affinity
    from tfmtl.api.compare import compare as compare
    from tfmtl.api.datasets import datasets as datasets
    from tfmtl.api.evaluate import evaluate as evaluate
    from tfmtl.api.export import export as export
    from tfmtl.api.fit import fit as fit
    from tfmtl.api.predict import load as load
    from tfmtl.api.predict import predict as predict
    from tfmtl.api.train import train as train
    from tfmtl.api.tutorial import build_model as build_model
    from tfmtl.api.tutorial import evaluate_model as evaluate_model
    from tfmtl.api.tutorial import preprocess_data as preprocess_data
    from tfmtl.api.tutorial import train_model as train_model
    from tfmtl.config.experiment import Experiment as Experiment
    from tfmtl.config.yaml_file import load_experiment as load_experiment
    from tfmtl.core.errors import ConfigurationError as ConfigurationError
    from tfmtl.core.errors import DataError as DataError
    from tfmtl.core.errors import RunError as RunError
    from tfmtl.core.errors import UserError as UserError
    from tfmtl.runs.run_folder import RunFolder as RunFolder

__version__ = "0.1.0"

_MODULES = {
    "ConfigurationError": "tfmtl.core.errors",
    "DataError": "tfmtl.core.errors",
    "Experiment": "tfmtl.config.experiment",
    "RunError": "tfmtl.core.errors",
    "RunFolder": "tfmtl.runs.run_folder",
    "UserError": "tfmtl.core.errors",
    "adapt": "tfmtl.api.adapt",
    "affinity": "tfmtl.api.affinity",
    "build_model": "tfmtl.api.tutorial",
    "compare": "tfmtl.api.compare",
    "datasets": "tfmtl.api.datasets",
    "evaluate": "tfmtl.api.evaluate",
    "evaluate_model": "tfmtl.api.tutorial",
    "export": "tfmtl.api.export",
    "fit": "tfmtl.api.fit",
    "load": "tfmtl.api.predict",
    "load_experiment": "tfmtl.config.yaml_file",
    "predict": "tfmtl.api.predict",
    "preprocess_data": "tfmtl.api.tutorial",
    "train": "tfmtl.api.train",
    "train_model": "tfmtl.api.tutorial",
}

_PACKAGES = ("balancing",)

__all__ = [*_MODULES, *_PACKAGES]

register_when_keras_is_imported()


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
