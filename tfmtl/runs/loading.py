"""Loads the results of a run: its best model and that model's metrics."""

import errno
import zipfile
from typing import Any

import keras

from tfmtl.config.options import GenerationOptions
from tfmtl.core.errors import RunError, nearest, reason_of
from tfmtl.core.registry import TOKENIZERS
from tfmtl.core.regular_files import read_json
from tfmtl.generation.reader import Reader
from tfmtl.kinds.task import answered
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.runs.archives import check_keras_archive
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.run_folder import RunFolder

_OF_MACHINE = (errno.EACCES, errno.EPERM, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EIO)
"""Errors that say nothing about a file."""

_TRAIN_AGAIN = "remove the run's folder and train it again"


def check_best_model(run: RunFolder) -> None:
    """Checks that a finished training has left its model.

    Raises:
        RunError: if the model is missing or not a complete archive.
    """
    if not zipfile.is_zipfile(run.best_model):
        found = "damaged" if run.best_model.is_file() else "missing"
        raise RunError(f"{run.best_model}: {found}, though the training is finished; {_TRAIN_AGAIN}")


def load_best_model(run: RunFolder) -> MultiTaskModel:
    """Returns the model of the epoch with the best validation score.

    Raises:
        RunError: if no epoch has been finished yet, or the model is damaged.
    """
    if not run.best_model.is_file():
        raise RunError(f"{run.path}: no epoch of this run has been finished, or its {run.best_model.name} was removed")
    try:
        check_keras_archive(run.best_model)
        model = keras.models.load_model(run.best_model)
        if not isinstance(model, MultiTaskModel):
            raise ValueError(f"this is a {type(model).__name__}, not a model of tfmtl")
    except MemoryError:
        raise RunError(f"{run.best_model}: there is not enough memory to load it") from None
    except Exception as error:  # A damaged file can make Keras raise any exception.
        if isinstance(error, ImportError) or getattr(error, "errno", None) in _OF_MACHINE:
            raise RunError(f"{run.best_model}: cannot be read: {reason_of(error)}") from None
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise RunError(f"{run.best_model}: damaged: {reason}; {_TRAIN_AGAIN}") from None
    return model


def load_reader(run: RunFolder, generation: GenerationOptions | None = None) -> Reader:
    """Returns a reader that answers tasks with a run's best model.

    Args:
        run: the run.
        generation: the options of generation; `None` means those of the experiment.

    Raises:
        RunError: as in `load_best_model`.
    """
    experiment = experiment_of(run)
    model = load_best_model(run)
    tokenizer = TOKENIZERS.get(experiment.tokenizer.name).build.load(run.tokenizer)
    layers = model.network.layers
    for name in answered(experiment.tasks):
        if name not in layers.heads:
            raise _of_another_run(run, f"it has no task '{name}'; {nearest(name, layers.heads)}")
    if tokenizer.vocabulary_size != layers.embedding.input_dim:
        raise _of_another_run(
            run, f"it reads {layers.embedding.input_dim} tokens, and the tokenizer has {tokenizer.vocabulary_size}"
        )
    packing = experiment.model.encoder.options.packing
    return Reader(model, experiment.tasks, tokenizer, packing, generation or experiment.generation)


def _of_another_run(run: RunFolder, reason: str) -> RunError:
    return RunError(f"{run.best_model}: this is the model of another run: {reason}")


def read_evaluation(run: RunFolder, split: str) -> dict[str, dict[str, Any]]:
    """Returns the metrics of each task on a split that has been evaluated.

    Raises:
        RunError: if the evaluation is damaged.
    """
    path, remedy = run.evaluation(split), "evaluate the run again"
    try:
        return dict(read_json(path, remedy)["tasks"])
    except (KeyError, TypeError, ValueError):
        raise RunError(f"{path}: damaged; {remedy}") from None
