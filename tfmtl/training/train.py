"""From an experiment to a trained run: what `tfmtl train` does."""

import logging
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras
import tensorflow as tf

from tfmtl.config import Experiment, GenerationOptions
from tfmtl.data.batches import batches, distributed_batches
from tfmtl.data.plan import task_shares, tokens_read
from tfmtl.errors import RunError
from tfmtl.generation.reader import Reader
from tfmtl.models.builder import build_model
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.tasks.task import Task
from tfmtl.training.averaging import WeightAverage
from tfmtl.training.callbacks.averaged_weights import AveragedWeights, TrainedWeights
from tfmtl.training.callbacks.checkpointing import Checkpointing
from tfmtl.training.callbacks.epoch_end import BestModel, EarlyStopping, History, TaskStopping, ValidationScores
from tfmtl.training.callbacks.gradient_norms import GradientNorms
from tfmtl.training.callbacks.summary_samples import SummarySamples
from tfmtl.training.callbacks.tensorboard import TensorBoard
from tfmtl.training.checkpoints import Checkpoints
from tfmtl.training.checks import check_learnable
from tfmtl.training.data import CheckTasks, TrainingData, claim, prepare
from tfmtl.training.learning_rate import WarmupThenDecay
from tfmtl.training.make_update import make_update
from tfmtl.training.progress import Progress
from tfmtl.training.routing_check import check_routing
from tfmtl.training.run_folder import RunFolder
from tfmtl.training.strategy import is_chief, is_same_everywhere, make_strategy, scope
from tfmtl.training.update import Update

_logger = logging.getLogger("tfmtl")
# Keras searches in whole paths, in which a task may be named `media_bias`; a replica's copy has an ending of its own.
NOT_DECAYED = r"(^|/)(bias|gamma|beta)(/replica_\d+)?(:\d+)?$"


@dataclass(frozen=True)
class Training:
    """A training that is about to begin, or to go on."""

    experiment: Experiment
    run: RunFolder
    data: TrainingData
    strategy: tf.distribute.Strategy
    writes: bool
    model: MultiTaskModel
    update: Update
    progress: Progress


MoreCallbacks = Callable[[Training], list[keras.callbacks.Callback]]
"""Returns what else is to be called in a training, once it stands where it goes on from."""


def train(
    experiment: Experiment,
    run: RunFolder,
    check_tasks: CheckTasks,
    make_scorer: Callable,
    more_callbacks: MoreCallbacks = lambda training: [],
) -> RunFolder:
    """Trains an experiment, or goes on with it where it was interrupted.

    Args:
        experiment: what to train.
        run: the folder; its own, new or of this experiment.
        check_tasks: `check_tasks(tasks)` raises for tasks that cannot be measured, before anything is written.
        make_scorer: `make_scorer(reader, streams, experiment)` returns what measures validation after each epoch; see
            `tfmtl.evaluation.scoring.ValidationScorer`.
        more_callbacks: of this training; they see an update before it is counted.

    Raises:
        UserError: where configuration, data or folder cannot be used.
    """
    strategy = make_strategy(experiment.training.strategy)
    # What Keras draws its seeds from. Its `set_random_seed` sets TensorFlow's seed too, which drops all cached kernels,
    # and with them the pieces of every SentencePiece tokenizer in the process.
    random.seed(experiment.training.seed)

    def check(tasks: Mapping[str, Task]) -> None:
        check_learnable(experiment, tasks)
        check_tasks(tasks)

    data = prepare(experiment, run, strategy.num_replicas_in_sync, check)
    with scope(strategy):
        train_model(experiment, run, data, make_model(experiment, data), make_scorer, more_callbacks)
    return run


def train_model(
    experiment: Experiment,
    run: RunFolder,
    data: TrainingData,
    model: MultiTaskModel,
    make_scorer: Callable,
    more_callbacks: MoreCallbacks = lambda training: [],
) -> Progress:
    """Trains the model of an experiment, on the strategy in whose scope this is called; the rest is as in `train`."""
    strategy = tf.distribute.get_strategy()
    writes = is_chief(strategy)
    update = compile_update(model, experiment, data)
    check_routing(model, update, data.tasks, data.slices)
    if writes:
        claim(experiment, run, data)
    training = Training(experiment, run, data, strategy, writes, model, update, Progress())
    _fit(training, make_scorer, more_callbacks)
    return training.progress


def make_model(experiment: Experiment, data: TrainingData) -> MultiTaskModel:
    """Builds the model of an experiment."""
    precision = experiment.training.precision
    return build_model(experiment.model, data.tasks, data.tables, data.tokenizer.vocabulary_size, precision)


def compile_model(experiment: Experiment, data: TrainingData) -> tuple[MultiTaskModel, Update]:
    """Builds and compiles the model of an experiment."""
    model = make_model(experiment, data)
    return model, compile_update(model, experiment, data)


def compile_update(model: MultiTaskModel, experiment: Experiment, data: TrainingData) -> Update:
    """Compiles the model of an experiment with its losses, weights and optimizer; returns what makes its steps."""
    options = experiment.training
    update = make_update(experiment, data, model)
    rate = WarmupThenDecay(options.learning_rate, data.plan.updates, options.warmup, options.decay)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=options.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=[NOT_DECAYED])
    if options.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    if options.ema_momentum:
        update.average = WeightAverage(model.trainable_variables, options.ema_momentum)
    # XLA's CPU code is slower than TensorFlow's own kernels; on a GPU it is faster, where it can compile the step.
    jit_compile = update.has_static_shapes and bool(tf.config.list_physical_devices("GPU"))
    model.compile(optimizer, update, jit_compile=jit_compile)
    return update


def _fit(training: Training, make_scorer: Callable, more_callbacks: MoreCallbacks) -> None:
    """Calls `fit` once for the rest of a begun epoch, where there is one, and once for the epochs after it."""
    progress, options = training.progress, training.experiment.training
    progress.updates_per_epoch = training.data.plan.updates_per_epoch
    checkpoints = Checkpoints(training.run.checkpoints) if training.writes else None
    checkpointing = Checkpointing(checkpoints, progress, training.update, options.checkpoint_every)
    _resume(training, checkpointing)
    if progress.finished or progress.epoch >= options.epochs:
        best = training.run.best_model
        if training.writes and not best.is_file():
            raise RunError(f"{best}: missing, though the training is finished; remove the run's folder")
        _logger.info("%s: this training is finished, after %d epochs", training.run.path, progress.epoch)
        return
    callbacks = [*_callbacks(training, make_scorer), *more_callbacks(training), checkpointing]
    while not progress.finished and progress.epoch < options.epochs:
        end = progress.epoch + 1 if progress.within_epoch else options.epochs
        training.model.fit(
            _dataset(training, progress.update, end * progress.updates_per_epoch),
            initial_epoch=progress.epoch,
            epochs=end,
            steps_per_epoch=progress.updates_per_epoch - progress.within_epoch,
            validation_data=_validation(training),
            validation_steps=training.data.validation_plan.updates,
            callbacks=callbacks,
            shuffle=False,
            verbose=_verbosity(training.writes),
        )


def _verbosity(writes: bool) -> int:
    """Keras' bar in a terminal or notebook; one line an epoch in a file, which would keep each redrawing of the bar."""
    if not writes:
        return 0
    return 1 if sys.stdout.isatty() or hasattr(sys, "ps1") else 2


def _resume(training: Training, checkpointing: Checkpointing) -> None:
    checkpoint = Checkpoints(training.run.checkpoints).latest()
    if not is_same_everywhere(training.strategy, checkpoint.state["update"] if checkpoint else 0):
        raise RunError(f"{training.run.checkpoints}: workers read different checkpoints; the folder must be shared")
    if checkpoint is None:
        return
    checkpointing.set_model(training.model)
    try:
        checkpointing.resume(checkpoint)
    except RunError as error:
        raise RunError(f"{training.run.checkpoints}: {error}") from None
    for name, value in checkpoint.state.items():
        setattr(training.progress, name, value)
    _logger.info("going on after update %d", training.progress.update)


def _dataset(training: Training, start: int, stop: int):
    tables, plan = training.data.tables, training.data.plan
    if not tf.distribute.has_strategy():
        return batches(tables, plan, start, stop)
    return distributed_batches(training.strategy, tables, plan, start, stop)


def _validation(training: Training):
    """Passes over validation without an end, of which Keras reads as many batches as it is told."""
    tables, plan = training.data.validation_tables, training.data.validation_plan
    if not tf.distribute.has_strategy():
        return batches(tables, plan).repeat()
    return distributed_batches(training.strategy, tables, plan)


def _callbacks(training: Training, make_scorer: Callable) -> list[keras.callbacks.Callback]:
    """Returns the callbacks but the last, in the order in which they read what those before them have written."""
    experiment, data, run, progress = training.experiment, training.data, training.run, training.progress
    options = experiment.training
    greedy = GenerationOptions(**{**experiment.generation.model_dump(), "beams": 1})
    max_length = experiment.model.encoder.options.max_length
    reader = Reader(training.model, data.tasks, data.tokenizer, max_length, greedy)
    scorer = make_scorer(reader, data.streams, experiment)
    writer = _event_writer(training)
    average = training.update.average
    callbacks: list[keras.callbacks.Callback] = [
        *([AveragedWeights(average)] if average else []),
        ValidationScores(scorer),
        BestModel(run, progress, training.writes),
        *([SummarySamples(writer, progress, scorer.samples)] if training.writes else []),
        *([TrainedWeights(average)] if average else []),
        GradientNorms(writer, training.update, progress, lambda: _first_batch(training)),
    ]
    if options.task_stopping:
        callbacks.append(TaskStopping(training.update, data.tasks, progress, options.task_stopping))
    if options.early_stopping:
        callbacks.append(EarlyStopping(progress, options.early_stopping))
    callbacks.append(History(run, progress, training.writes))
    if training.writes:
        shares = task_shares(data.tables, data.plan)
        tokens = tokens_read(data.tables, data.plan)
        callbacks.append(
            TensorBoard(writer, training.update, progress, tokens, shares, options.log_every, experiment.to_yaml())
        )
    return callbacks


def _event_writer(training: Training) -> tf.summary.SummaryWriter:
    if not training.writes:
        return tf.summary.create_noop_writer()
    return tf.summary.create_file_writer(str(training.run.tensorboard))


def _first_batch(training: Training):
    """The first batch of the training, whole: each replica is given the same rows."""
    return next(iter(batches(training.data.tables, training.data.plan, 0, 1)))
