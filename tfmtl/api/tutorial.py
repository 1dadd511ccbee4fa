"""The basic steps, one by one: preprocess, build, train and evaluate a model of labels and summaries in four calls."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfmtl.api.evaluate import task_result
from tfmtl.config.experiment import Experiment, parse
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.lock import locked
from tfmtl.core.messages import show_messages
from tfmtl.data.plan import plan_training
from tfmtl.data.streams import load_streams
from tfmtl.generation.batch_reader import BatchReader, answer_split
from tfmtl.generation.reader import Reader
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.runs.identity import check_place
from tfmtl.runs.loading import load_best_model
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import TrainingData, prepare
from tfmtl.training.train import make_model
from tfmtl.training.train import train_model as _train_model

_FORMATS = ("csv", "tsv", "jsonl", "json")


@dataclass(frozen=True)
class PreprocessedData:
    """Texts that are read, tokenized and ready for a model.

    Attributes:
        experiment: the experiment, to which the following steps add.
        data: the tokenized splits.
    """

    experiment: Experiment
    data: TrainingData


def preprocess_data(
    files: str | Path | Mapping[str, str | Path],
    *,
    text: str = "text",
    label: str | None = "label",
    summary: str | None = "summary",
    vocab_size: int = 10000,
    name: str | None = None,
) -> PreprocessedData:
    """Reads files of texts with labels and summaries, and learns a tokenizer from them.

    Args:
        files: one training file, or files by split: `train`, `validation`, `test`; `.csv`, `.tsv`, `.jsonl` or `.json`,
            also with `.gz`. A missing split is cut from the training split.
        text: the field of the text.
        label: the field of its label; `None` for no classification.
        summary: the field of its summary; `None` for no summarization.
        vocab_size: the maximum number of the tokenizer's tokens.
        name: the name of the run; `None` means that of the first file.

    Raises:
        UserError: if the files cannot be used.
    """
    show_messages()
    splits = {"train": files} if isinstance(files, str | Path) else dict(files)
    suffixes = Path(splits.get("train", "")).name.split(".")[1:]
    kind = next((suffix for suffix in suffixes if suffix in _FORMATS), None)
    if kind is None:
        raise ConfigurationError(f"preprocess_data: expected a training file that ends in {', '.join(_FORMATS)}")
    tasks: dict[str, Any] = {}
    if label:
        tasks["label"] = {"kind": "classification", "source": "texts", "text": text, "label": label}
    if summary:
        tasks["summary"] = {"kind": "summarization", "source": "texts", "text": text, "summary": summary}
    experiment = parse(
        {
            "name": name or Path(splits["train"]).name.split(".")[0],
            "sources": {"texts": {"format": kind, **{split: str(path) for split, path in splits.items()}}},
            "tasks": tasks,
            "tokenizer": {"type": "sentencepiece", "vocabulary_size": vocab_size},
            "training": {"strategy": "none"},
        }
    )
    return PreprocessedData(experiment, prepare(experiment, None, 1))


def build_model(data: PreprocessedData, *, hidden_size: int = 128, layers: int = 2, heads: int = 4) -> MultiTaskModel:
    """Builds the Keras model: a shared Transformer, a head for the label, a decoder that can copy for the summary.

    Args:
        data: the result of `preprocess_data`.
        hidden_size: the width of the embedding, the encoder and the decoder.
        layers: the number of layers of the encoder; the decoder has one.
        heads: the number of attention heads.

    Raises:
        ConfigurationError: if the sizes do not fit.
    """
    encoder = {"layers": layers, "hidden": hidden_size, "heads": heads, "feedforward": 4 * hidden_size}
    experiment = parse({**data.experiment.as_mapping(), "model": {"encoder": encoder, "decoder": {"layers": 1}}})
    random.seed(experiment.training.seed)
    return make_model(experiment, data.data)


def train_model(
    model: MultiTaskModel,
    data: PreprocessedData,
    *,
    batch_size: int = 32,
    epochs: int = 10,
    learning_rate: float = 1e-3,
    run: str | Path | None = None,
) -> dict[str, list[float]]:
    """Trains a model; afterwards it has the weights of the epoch with the best validation score.

    A run's folder keeps checkpoints, history and TensorBoard's files. Repeating the same calls resumes an interrupted
    training, or finds it finished. The folder can be given to `tfmtl.evaluate`, `tfmtl.export` and the command line.

    Args:
        model: the result of `build_model`.
        data: the result of `preprocess_data`.
        batch_size: the number of rows in an update.
        epochs: the number of passes over the training split.
        learning_rate: the peak of the learning rate, which rises over a tenth of the updates and then falls to zero.
        run: the run's folder; `None` means `runs/<name>`.

    Returns:
        The history: each column of `history.csv`, with one value per epoch.
    """
    experiment = _experiment_of(model, data)
    training = {"batch_size": batch_size, "epochs": epochs, "learning_rate": learning_rate, "strategy": "none"}
    experiment = parse({**experiment.as_mapping(), "training": training})
    options = experiment.training
    plan = plan_training(data.data.tables, experiment.mixing, options.epochs, options.batch_size, 1, options.seed)
    folder = RunFolder(run or Path("runs") / experiment.name)
    check_place(folder)
    with locked(folder.path):
        progress = _train_model(experiment, folder, replace(data.data, plan=plan), model)
    model.set_weights(load_best_model(folder).get_weights())
    return {name: [row[name] for row in progress.history] for name in progress.history[0]}


def evaluate_model(model: MultiTaskModel, data: PreprocessedData, split: str = "test") -> dict[str, dict[str, Any]]:
    """Measures a model on a split.

    Args:
        model: the trained result of `build_model`.
        data: the result of `preprocess_data`.
        split: the split to measure it on.

    Returns:
        The metrics of the label and the summary with their intervals, as in `evaluation_<split>.json`.
    """
    experiment = _experiment_of(model, data)
    packing = experiment.model.encoder.options.packing
    reader = Reader(model, data.data.tasks, data.data.tokenizer, packing, experiment.generation)
    streams, _ = load_streams(experiment, (split,))
    answers = answer_split(BatchReader(reader, experiment.evaluation.batch_size), streams, split)
    return {
        name: dict(task_result(task, stream.splits[split], answers[name], experiment).metrics)
        for stream in streams
        for name, task in data.data.tasks.items()
    }


def _experiment_of(model: MultiTaskModel, data: PreprocessedData) -> Experiment:
    """Returns the experiment with the network options that a model was built with.

    Raises:
        ConfigurationError: if the model was not built by `build_model`.
    """
    if model.options is None:
        raise ConfigurationError("expected a model of tfmtl.build_model; tfmtl.load opens a trained run or an export")
    return data.experiment.model_copy(update={"model": model.options})
