"""Turns an experiment into a trained run, for `tfmtl train`."""

import contextlib
import functools
import logging
import math
import random
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from tfmtl.config.experiment import Experiment
from tfmtl.config.learning_rates import LearningRates
from tfmtl.config.options import GenerationOptions, Stage
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.lock import locked
from tfmtl.core.registry import OPTIMIZERS
from tfmtl.data.batches import batches
from tfmtl.data.cut import cuts
from tfmtl.data.plan import task_shares, tokens_read
from tfmtl.data.unwritable import unwritable
from tfmtl.data.wording import word_tasks
from tfmtl.generation.reader import Reader
from tfmtl.models.build import build_model
from tfmtl.models.descriptors.vectors import descriptor_vectors
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.runs.identity import check_place
from tfmtl.runs.loading import check_best_model
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.callbacks.averaged_weights import AveragedWeights, TrainedWeights
from tfmtl.training.callbacks.epoch_end import BestModel, EarlyStopping, History, TaskStopping, ValidationScores
from tfmtl.training.callbacks.event_writers import EventWriters
from tfmtl.training.callbacks.gradient_norms import GradientNorms
from tfmtl.training.callbacks.mixing_rates import MixingRates
from tfmtl.training.callbacks.overview import Overview
from tfmtl.training.callbacks.summary_samples import SummarySamples
from tfmtl.training.callbacks.tensorboard import RowsRead, TensorBoard
from tfmtl.training.callbacks.validation_figures import ValidationFigures
from tfmtl.training.fit import Training, fit
from tfmtl.training.fit_linear_experts import fit_linear_experts
from tfmtl.training.kept_optimizer import KeptOptimizer
from tfmtl.training.lazy_rows import average_of, connect_rows
from tfmtl.training.learning_rate import WarmupThenDecay
from tfmtl.training.make_update import make_update
from tfmtl.training.notices import recommend_pretrained, warn_of_few_updates
from tfmtl.training.prepared_data import TrainingData, claim_folder, prepare
from tfmtl.training.progress import Progress
from tfmtl.training.rate_factors import rate_factors
from tfmtl.training.routing_check import check_routing
from tfmtl.training.start_from import start_from
from tfmtl.training.strategy import is_chief, make_strategy, scope
from tfmtl.training.update import Update
from tfmtl.training.validation_scorer import ValidationScorer, make_scorer

_logger = logging.getLogger("tfmtl")

MoreCallbacks = Callable[[Training], list[keras.callbacks.Callback]]
"""Returns further callbacks of a training; called once it has been restored from its checkpoint."""


def train_run(
    experiment: Experiment,
    run: RunFolder,
    more_callbacks: MoreCallbacks = lambda training: [],
) -> RunFolder:
    """Trains an experiment, or resumes it where it was interrupted.

    Args:
        experiment: the experiment to train.
        run: the folder of the run, either new or of this experiment.
        more_callbacks: returns further callbacks, which see an update before it is counted.

    Raises:
        UserError: if the configuration, the data or the folder cannot be used, or another process writes to it.
    """
    if experiment.adapted:
        raise ConfigurationError(
            "adapted: 'tfmtl adapt' has made this run, which is not trained any further; begin a new training with its "
            "weights by '--from'"
        )
    strategy = make_strategy(experiment.training.strategy)
    check_place(run)
    with locked(run.path) if is_chief(strategy) else contextlib.nullcontext():
        _train(experiment, run, strategy, more_callbacks)
    return run


def _train(
    experiment: Experiment, run: RunFolder, strategy: tf.distribute.Strategy, more_callbacks: MoreCallbacks
) -> None:
    # Keras draws its seeds from this generator. Its `set_random_seed` also sets TensorFlow's seed, which drops all
    # cached kernels, and with them the tokens of every SentencePiece tokenizer in the process.
    random.seed(experiment.training.seed)
    data = prepare(experiment, run, strategy.num_replicas_in_sync)
    with scope(strategy):
        model = make_model(experiment, data)
        if experiment.training.start_from and not run.has_begun:
            start_from(model, data.tasks, RunFolder.open(experiment.training.start_from))
        train_model(experiment, run, data, model, more_callbacks)


def train_model(
    experiment: Experiment,
    run: RunFolder,
    data: TrainingData,
    model: MultiTaskModel,
    more_callbacks: MoreCallbacks = lambda training: [],
) -> Progress:
    """Trains the model of an experiment under the strategy in whose scope it is called; see `train_run`."""
    *first, last = experiment.stages
    options = experiment.training
    strategy = tf.distribute.get_strategy()
    writes = is_chief(strategy)
    update = compile_update(model, experiment, data)
    check_routing(model, update, data.tasks, data.slices)
    if writes:
        claim_folder(run, experiment, data)
        for cut in cuts(data.streams, "train", data.tokenizer, experiment.model.encoder.options.packing):
            _logger.info("%s", cut)
        for changed in unwritable(data.streams, "train", data.tokenizer):
            _logger.warning("%s", changed)
        if last.epochs:
            recommend_pretrained(model.network.layers.sharing.trunk, data.tables)
            warn_of_few_updates(model.network, data.tables, data.plan)
    kept = KeptOptimizer(model, options.optimizer.name) if first and options.stage_optimizer == "kept" else None
    for number, stage in enumerate(first, start=1):
        _logger.info("stage %d of %d: %s", number, len(experiment.stages), ", ".join(stage.tasks))
        part = data.of(experiment, number - 1, strategy.num_replicas_in_sync)
        update = compile_update(model, experiment, part, stage)
        if kept and stage.epochs:
            kept.begin(update, stage.tasks)
        training = Training(experiment, number - 1, run.stage(number), part, strategy, writes, model, update)
        fit(training, functools.partial(_callbacks_before_last, training))
        if kept and stage.epochs:
            kept.end(update, part.plan.updates)
    if first:
        _logger.info("stage %d of %d: %s", len(experiment.stages), len(experiment.stages), ", ".join(last.tasks))
        update = compile_update(model, experiment, data, last)
        if kept and last.epochs:
            kept.begin(update, last.tasks)
    training = Training(experiment, len(first), run, data, strategy, writes, model, update)
    fit(training, lambda writers: [*_callbacks(training, writers), *more_callbacks(training)])
    if writes:
        check_best_model(run)
    return training.progress


def make_model(experiment: Experiment, data: TrainingData) -> MultiTaskModel:
    """Builds the model of an experiment, and fits its linear experts if it has any."""
    precision = experiment.training.precision
    vocabulary_size = data.tokenizer.vocabulary_size
    preset = experiment.model.encoder.options.pretrained_from
    wordings = word_tasks(data.tasks, data.tokenizer, preset)
    descriptors = descriptor_vectors(data.tasks, experiment.model, data.tokenizer)
    model = build_model(
        experiment.model,
        data.tasks,
        data.slices,
        data.columns,
        vocabulary_size,
        precision,
        wordings,
        descriptors,
    )
    readings = model.network.readings(len(data.tasks))
    if readings > 1:
        _logger.warning("model.sharing: '%s' reads each text %g times", experiment.model.sharing.name, readings)
    fit_linear_experts(model, experiment, data)
    trainable = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    _logger.info("%s parameters, of which %s are trainable", f"{model.count_params():,}", f"{trainable:,}")
    return model


def compile_model(experiment: Experiment, data: TrainingData) -> tuple[MultiTaskModel, Update]:
    """Builds and compiles the model of an experiment."""
    model = make_model(experiment, data)
    return model, compile_update(model, experiment, data)


def compile_update(
    model: MultiTaskModel, experiment: Experiment, data: TrainingData, stage: Stage | None = None
) -> Update:
    """Compiles the model of an experiment with its losses, weights and optimizer; returns the update of its steps.

    Args:
        model: the model to train.
        experiment: the experiment as configured.
        data: the data, planned for the stage.
        stage: the stage of the training; `None` means the last one.
    """
    options, stage = experiment.training, stage or experiment.stages[-1]
    update = make_update(experiment, data, model)
    rates = LearningRates.of(stage.learning_rate)
    rate = WarmupThenDecay(rates.peak, data.plan.updates, stage.warmup, stage.decay)
    choice, factors = options.optimizer, rate_factors(model.network, rates)
    optimizer = OPTIMIZERS.get(choice.name).build(rate, options.weight_decay, factors, choice.options)
    connect_rows(optimizer, update, model)
    if options.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    # Without an update, moments would only take memory.
    optimizer.build(model.trainable_variables if stage.epochs else [])
    if options.ema_momentum:
        update.average = average_of(model.trainable_variables, options.ema_momentum, optimizer)
    # XLA's CPU code is slower than TensorFlow's own kernels; on a GPU it is faster, if it can compile the step.
    jit_compile = update.has_static_shapes and bool(tf.config.list_physical_devices("GPU"))
    model.compile(optimizer, update=update, jit_compile=jit_compile)
    return update


def _callbacks(training: Training, writers: EventWriters) -> list[keras.callbacks.Callback]:
    """Returns the callbacks of the last stage, each after those whose results it reads."""
    experiment, data, run, progress = training.experiment, training.data, training.run, training.progress
    options = experiment.training
    scorer = _scorer(training)
    average = training.update.average
    callbacks: list[keras.callbacks.Callback] = [
        *([AveragedWeights(average)] if average else []),
        ValidationScores(scorer),
        BestModel(run, progress, training.writes),
        *(_shown_answers(writers, progress, scorer) if training.writes else []),
        *([TrainedWeights(average)] if average else []),
    ]
    if options.task_stopping:
        callbacks.append(TaskStopping(training.update, data.tasks, progress, options.task_stopping))
    if options.early_stopping:
        callbacks.append(EarlyStopping(progress, options.early_stopping))
    return [*callbacks, *_observers(training, writers)]


def _callbacks_before_last(training: Training, writers: EventWriters) -> list[keras.callbacks.Callback]:
    """Returns the callbacks of a stage before the last, which is measured only where its mixing follows from it."""
    measured = training.mixing and training.mixing.reads_scores
    return [*([ValidationScores(_scorer(training))] if measured else []), *_observers(training, writers)]


def _scorer(training: Training) -> ValidationScorer:
    experiment, data = training.experiment, training.data
    greedy = GenerationOptions(**{**experiment.generation.model_dump(), "beams": 1})
    packing = experiment.model.encoder.options.packing
    reader = Reader(training.model, data.tasks, data.tokenizer, packing, greedy)
    return make_scorer(reader, data.streams, experiment)


def _observers(training: Training, writers: EventWriters) -> list[keras.callbacks.Callback]:
    """Returns the callbacks of every stage, which only observe."""
    data, run, progress, update = training.data, training.run, training.progress, training.update
    callbacks: list[keras.callbacks.Callback] = [History(run, progress, training.writes)]
    if training.mixing:
        callbacks.append(MixingRates(training.mixing, writers.train, progress, training.stage.epochs))
    shares = task_shares(data.tables, data.plan)
    if training.stage.epochs:
        # Gradients are of no interest where there is no update, and may need more memory than all else.
        probed = functools.cache(lambda: _batch_of_most_tasks(training, shares))
        callbacks.insert(0, GradientNorms(writers.train, update, progress, probed))
    if training.writes:
        every = training.experiment.training.log_every
        callbacks.append(Overview(run.tensorboard, progress, training.experiment, data.tasks))
        callbacks.append(TensorBoard(writers, update, progress, lambda: _rows_read(training), every))
    return callbacks


def _rows_read(training: Training) -> RowsRead:
    tables, plan = training.data.tables, training.data.plan
    return RowsRead(tokens_read(tables, plan), task_shares(tables, plan))


def _shown_answers(
    writers: EventWriters, progress: Progress, scorer: ValidationScorer
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks that show answers to the validation split."""
    return [
        SummarySamples(writers.validation, progress, scorer.samples),
        ValidationFigures(writers.validation, progress, scorer.figures),
    ]


def _batch_of_most_tasks(training: Training, shares: Mapping[str, np.ndarray]):
    """The batch of the first epoch with the most tasks, and of these the one with the most rows of its rarest task.

    Texts of similar length are in one batch, so that the first one may have rows of a single source. Each replica is
    given all rows.
    """
    of_epoch = np.stack([*shares.values()])[:, : training.data.plan.updates_per_epoch]
    rarest = np.where(of_epoch > 0, of_epoch, 1.0).min(axis=0)
    chosen = int(np.argmax((of_epoch > 0).sum(axis=0) + 0.5 * rarest))
    return next(iter(batches(training.data.tables, training.data.plan, chosen, chosen + 1)))
