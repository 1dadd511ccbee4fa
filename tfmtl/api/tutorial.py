"""The plain path, step by step: preprocess, build, train and evaluate a model of labels and summaries in four calls."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from tfmtl.api.evaluate import task_result
from tfmtl.config.experiment import Experiment, parse
from tfmtl.core.errors import ConfigurationError
from tfmtl.data.plan import plan_training
from tfmtl.data.streams import load_streams
from tfmtl.generation.batch_reader import BatchReader, answer_split
from tfmtl.generation.reader import Reader
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import TrainingData, prepare
from tfmtl.training.train import make_model
from tfmtl.training.train import train_model as _train_model

_FORMATS = ("csv", "tsv", "jsonl", "json")


@dataclass(frozen=True)
class PreprocessedData:
    """Texts that are read, tokenized and ready for a model.

    Attributes:
        experiment: that the following steps add to.
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
        files: one file of train, or files by split: `train`, `validation`, `test`; `.csv`, `.tsv`, `.jsonl` or `.json`,
            also with `.gz`. A split that is missing is cut from train.
        text: the field of the text.
        label: that of its label; None for no classification.
        summary: that of its summary; None for no summarization.
        vocab_size: the most pieces of the tokenizer.
        name: of the run to come; the first file's where it is `None`.

    Raises:
        UserError: where the files cannot be used.
    """
    splits = {"train": files} if isinstance(files, str | Path) else dict(files)
    suffixes = Path(splits.get("train", "")).name.split(".")[1:]
    kind = next((suffix for suffix in suffixes if suffix in _FORMATS), None)
    if kind is None:
        raise ConfigurationError(f"preprocess_data: expected a file of train that ends in {', '.join(_FORMATS)}")
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


def build_model(
    data: PreprocessedData, *, embedding_dim: int = 128, hidden_size: int = 128, layers: int = 2, heads: int = 4
) -> MultiTaskModel:
    """Builds the Keras model: a shared Transformer, a head for the label, a decoder that can copy for the summary.

    Args:
        data: of `preprocess_data`.
        embedding_dim: of the pieces; the output projection is tied to them, so it equals `hidden_size`.
        hidden_size: the width of the encoder and the decoder.
        layers: of the encoder; the decoder has one.
        heads: of attention.

    Raises:
        ConfigurationError: where the sizes do not fit.
    """
    if embedding_dim != hidden_size:
        raise ConfigurationError(
            f"build_model: embedding_dim ({embedding_dim}) must equal hidden_size ({hidden_size}), because the "
            "embeddings are the decoder's output projection too"
        )
    encoder = {"layers": layers, "hidden": hidden_size, "heads": heads, "feedforward": 4 * hidden_size}
    model = {"encoder": encoder, "decoder": {"layers": 1}}
    experiment = parse({**data.experiment.as_mapping(), "model": model})
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

    A run's folder keeps checkpoints, history and TensorBoard's files. The same calls again go on with a training that
    was interrupted, or find it finished. The folder can be given to `tfmtl.evaluate`, `tfmtl.export` and the command
    line.

    Args:
        model: of `build_model`.
        data: of `preprocess_data`.
        batch_size: rows in an update.
        epochs: passes over train.
        learning_rate: the peak; it rises over a tenth of the updates and falls to zero.
        run: the run's folder; `runs/<name>` where it is `None`.

    Returns:
        the history: each column of `history.csv`, an epoch each.
    """
    experiment = _experiment_of(model, data)
    training = {"batch_size": batch_size, "epochs": epochs, "learning_rate": learning_rate, "strategy": "none"}
    experiment = parse({**experiment.as_mapping(), "training": training})
    options = experiment.training
    plan = plan_training(data.data.tables, experiment.mixing, options.epochs, options.batch_size, 1, options.seed)
    folder = RunFolder(run or Path("runs") / experiment.name)
    progress = _train_model(experiment, folder, replace(data.data, plan=plan), model)
    model.set_weights(keras.models.load_model(folder.best_model).get_weights())
    return {name: [row[name] for row in progress.history] for name in progress.history[0]}


def evaluate_model(model: MultiTaskModel, data: PreprocessedData, split: str = "test") -> dict[str, dict[str, Any]]:
    """Measures a model on a split.

    Args:
        model: of `build_model`, trained.
        data: of `preprocess_data`.
        split: to measure it on.

    Returns:
        the metrics of the label and the summary with their intervals, as in `evaluation_<split>.json`.
    """
    experiment = _experiment_of(model, data)
    max_length = experiment.model.encoder.options.max_length
    reader = Reader(model, data.data.tasks, data.data.tokenizer, max_length, experiment.generation)
    streams, _ = load_streams(experiment, (split,))
    answers = answer_split(BatchReader(reader, experiment.evaluation.batch_size), streams, split)
    return {
        name: dict(task_result(task, stream.splits[split], answers[name], experiment).metrics)
        for stream in streams
        for name, task in data.data.tasks.items()
    }


def _experiment_of(model: MultiTaskModel, data: PreprocessedData) -> Experiment:
    """The experiment with the network that a model is of, as its own layers describe it."""
    layers = model.network.layers
    decoders = list(layers.decoders.values())
    network = {
        "encoder": {"type": "transformer", **layers.sharing.trunk.options.model_dump()},
        "decoder": {"layers": decoders[0].options.layers if decoders else 1},
    }
    return parse({**data.experiment.as_mapping(), "model": network})
