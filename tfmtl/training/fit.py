"""Runs one stage of a training from its newest checkpoint to its end."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import tensorflow as tf

from tfmtl.config.experiment import Experiment
from tfmtl.config.options import Stage
from tfmtl.core.errors import RunError
from tfmtl.data.batches import batches, distributed_batches
from tfmtl.data.mixing_rule import rule_of
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.callbacks.checkpointing import Checkpointing
from tfmtl.training.callbacks.event_writers import EventWriters
from tfmtl.training.callbacks.rows_up_to_date import RowsUpToDate
from tfmtl.training.dynamic_mixing import DynamicMixing, same_shapes
from tfmtl.training.prepared_data import TrainingData
from tfmtl.training.progress import Progress
from tfmtl.training.strategy import is_same_everywhere
from tfmtl.training.update import Update

_logger = logging.getLogger("tfmtl")


@dataclass
class Training:
    """A stage of a training that is about to begin or resume.

    Attributes:
        experiment: the experiment as configured.
        number: the number of the stage, from 0.
        run: the folder of the stage.
        data: the data, planned for the stage; if mixing is dynamic, by the rates that are known.
        strategy: the distribution strategy.
        writes: whether this process writes the run folder.
        model: the model, compiled for the stage.
        update: the update that makes the steps.
        progress: the progress of the stage.
        mixing: what chooses the rates of an epoch; `None` if all of them are known before.
    """

    experiment: Experiment
    number: int
    run: RunFolder
    data: TrainingData
    strategy: tf.distribute.Strategy
    writes: bool
    model: MultiTaskModel
    update: Update
    progress: Progress = field(default_factory=Progress)
    mixing: DynamicMixing | None = None
    _planned: int = 0

    def __post_init__(self):
        if rule_of(self.experiment.mixing) is not None:
            self.mixing = DynamicMixing(self.experiment, self.stage, self.data, self.progress)

    @property
    def stage(self) -> Stage:
        """The stage of the experiment."""
        return self.experiment.stages[self.number]

    def plan_by_rates(self) -> None:
        """Plans the stage by the rates in the progress, unless it is; those of its first epoch are chosen here."""
        if self.mixing is None or 0 < len(self.progress.rates) == self._planned:
            return
        if not self.progress.rates:
            self.progress.rates.append(self.mixing.next_rates())
        self._planned = len(self.progress.rates)
        before, replicas = self.data, self.strategy.num_replicas_in_sync
        self.data = before.of(self.experiment, self.number, replicas, self.progress.rates)
        if not same_shapes(before, self.data):
            # Otherwise the step would be traced for any number of rows, which not all of its operations allow.
            self.model.make_train_function(force=True)


MakeCallbacks = Callable[[EventWriters], list[keras.callbacks.Callback]]
"""Returns all callbacks of a stage but the last; called once the stage has been restored from its checkpoint."""


def fit(training: Training, make_callbacks: MakeCallbacks) -> None:
    """Trains a stage from its newest checkpoint to its end; a finished stage only gives the model its weights.

    Keras' `fit` is called once for the rest of an epoch that has begun, if there is one, and once for the epochs after
    it; once for each epoch if mixing is dynamic.

    Raises:
        RunError: if the checkpoints cannot be used.
    """
    progress, epochs = training.progress, training.stage.epochs
    progress.updates_per_epoch = training.data.plan.updates_per_epoch
    progress.stopped_tasks = [task for task in training.update.tasks if task not in training.stage.tasks]
    training.update.train_only(training.stage.tasks)
    checkpoints = Checkpoints(training.run.checkpoints) if training.writes else None
    every = training.experiment.training.checkpoint_every
    checkpointing = Checkpointing(checkpoints, progress, training.update, every)
    _resume(training, checkpointing)
    training.plan_by_rates()
    if progress.finished or 0 < epochs <= progress.epoch:
        _logger.info("%s: this training is finished, after %d epochs", training.run.path, progress.epoch)
        return
    _logger.info(training.data.size)
    callbacks = [RowsUpToDate(), *make_callbacks(_event_writers(training)), checkpointing]
    if not epochs:
        _validate_untrained(training, callbacks)
    while not progress.finished and progress.epoch < epochs:
        training.plan_by_rates()
        end = progress.epoch + 1 if progress.within_epoch or training.mixing else epochs
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


def _validate_untrained(training: Training, callbacks: list[keras.callbacks.Callback]) -> None:
    """Ends a training without an update: the model as it was made is validated and kept, as if after an epoch 0."""
    training.progress.finished = True
    measured = training.model.evaluate(
        _validation(training),
        steps=training.data.validation_plan.updates,
        verbose=0,
        return_dict=True,
    )
    container = keras.callbacks.CallbackList(callbacks, model=training.model)
    container.on_train_begin()
    container.on_epoch_end(-1, {f"val_{name}": value for name, value in measured.items()})
    container.on_train_end()


def _verbosity(writes: bool) -> int:
    """Keras' bar in a terminal or notebook; one line per epoch in a file, where each redrawing would stay."""
    if not writes:
        return 0
    return 1 if sys.stdout.isatty() or hasattr(sys, "ps1") else 2


def _resume(training: Training, checkpointing: Checkpointing) -> None:
    checkpoint = Checkpoints(training.run.checkpoints).latest()
    progress = Progress.of(checkpoint.state, training.run.checkpoints) if checkpoint else Progress()
    if not is_same_everywhere(training.strategy, progress.update):
        raise RunError(f"{training.run.checkpoints}: workers read different checkpoints; the folder must be shared")
    if checkpoint is None:
        return
    checkpointing.set_model(training.model)
    try:
        checkpointing.resume(checkpoint)
    except RunError as error:
        raise RunError(f"{training.run.checkpoints}: {error}") from None
    plan, streams = training.data.plan, training.mixing.streams if training.mixing else ()
    misfit = progress.misfit(plan.updates, plan.updates_per_epoch, training.data.tasks, streams)
    if misfit:
        raise RunError(f"{training.run.checkpoints}: damaged: this training has no state with {misfit}")
    # Callbacks have this one already.
    vars(training.progress).update(vars(progress))
    _logger.info("resuming after update %d", training.progress.update)


def _dataset(training: Training, start: int, stop: int):
    tables, plan = training.data.tables, training.data.plan
    if not tf.distribute.has_strategy():
        return batches(tables, plan, start, stop)
    return distributed_batches(training.strategy, tables, plan, start, stop)


def _validation(training: Training):
    """Repeats the validation split endlessly; Keras reads as many batches of it as it is told to."""
    tables, plan = training.data.validation_tables, training.data.validation_plan
    if not tf.distribute.has_strategy():
        return batches(tables, plan).repeat()
    return distributed_batches(training.strategy, tables, plan)


def _event_writers(training: Training) -> EventWriters:
    if not training.writes:
        return EventWriters.silent()
    return EventWriters.of(training.run.tensorboard, training.progress.update)
