"""The data of a training: streams, tokenizer, tables and the plan of all batches."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from tfmtl.config.experiment import Experiment
from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.errors import ConfigurationError, RunError
from tfmtl.core.registry import BALANCING, META, TOKENIZERS
from tfmtl.data.columns import Column
from tfmtl.data.episodes import plan_episodes
from tfmtl.data.mixing_rule import check_mixing
from tfmtl.data.plan import (
    Allocate,
    Plan,
    in_memory,
    padding_share,
    plan_pass,
    plan_training,
    rows_read,
    stream_sizes,
)
from tfmtl.data.stored.streams import load_or_find_streams
from tfmtl.data.streams import Stream
from tfmtl.data.tables import Slice, Table, build_tables
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task
from tfmtl.metrics.metric import check_metrics
from tfmtl.runs.fingerprints import Fingerprints, fingerprints
from tfmtl.runs.identity import check_configuration, check_place, check_rows, claim, experiment_of
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.cached_data import CachedData, naming_the_cache
from tfmtl.training.meta_check import check_meta

_SEEDS = 1 << 20
"""The distance between the seeds of two stages."""


@dataclass(frozen=True)
class TrainingData:
    """The data that a training reads.

    Attributes:
        streams: the streams, with their training and validation splits.
        tasks: the tasks, with their label sets.
        tokenizer: the tokenizer, learned from the training split or loaded from the run.
        tables: the tables of the training split.
        plan: every batch of the training, or of one of its stages.
        validation_tables: the tables of the validation split, in the slices of the training split.
        validation_plan: the batches of one pass over the validation tables.
        rows: the fingerprints of all splits, including the test split.
        cache: where plans are found or written; `None` for plans in memory.
    """

    streams: list[Stream]
    tasks: dict[str, Task]
    tokenizer: object
    tables: list[Table]
    plan: Plan
    validation_tables: list[Table]
    validation_plan: Plan
    rows: Fingerprints = field(default_factory=dict)
    cache: CachedData | None = None

    def of(self, experiment: Experiment, number: int, replicas: int, rates: Sequence[Mapping[str, float]] = ()) -> Self:
        """Returns the data of a stage of the training.

        Args:
            experiment: the experiment as configured.
            number: the number of the stage, from 0.
            replicas: the number of replicas of the strategy.
            rates: the rates of streams in the first epochs of the stage; see `plan_training`.
        """
        return replace(self, plan=_plan(experiment, number, self.tables, self.tasks, replicas, self.cache, rates))

    def streams_of(self, tasks: Collection[str]) -> dict[str, list[str]]:
        """Returns the streams that have training rows of some tasks, with the names of those that read them."""
        sizes = stream_sizes(self.tables, tasks)
        members = {stream.name: [task.name for task in stream.tasks if task.name in tasks] for stream in self.streams}
        return {name: members[name] for name in sizes}

    @property
    def size(self) -> str:
        """A readable summary of the size of the data and of its share of padding."""
        rows = rows_read(self.tables, self.plan)
        padding = 100 * padding_share(self.tables, self.plan)
        return (
            f"{rows} training rows, {self.plan.updates_per_epoch} updates per epoch, "
            f"{padding:.1f} % of encoder positions are padding"
        )

    @property
    def slices(self) -> list[Slice]:
        """The slices of the tables, in their order."""
        return [table.slice for table in self.tables]

    @property
    def columns(self) -> dict[str, Column]:
        """The targets of the training split by task, from all tables; none for a task that makes its own targets."""
        parts: dict[str, list[Column]] = {}
        for table in self.tables:
            for name, column in table.targets.items():
                parts.setdefault(name, []).append(column)
        return {name: type(found[0]).join(found) for name, found in parts.items()}


def prepare(experiment: Experiment, run: RunFolder | None, replicas: int) -> TrainingData:
    """Reads, tokenizes and plans the last stage; writes nothing.

    Args:
        experiment: the experiment as configured.
        run: its folder, which must belong to it, and whose tokenizer is used if there is one; `None` if there is no
            folder yet.
        replicas: the number of replicas of the strategy.

    Raises:
        UserError: if the configuration, the data or the folder cannot be used.
    """
    if run is not None:
        check_place(run)
    # The test split is read as well, so that errors in it are reported now and not after the training.
    with naming_the_cache(experiment):
        streams, tasks = load_or_find_streams(experiment)
    rows = fingerprints(streams)
    streams = [replace(stream, splits={s: stream.splits[s] for s in ("train", "validation")}) for stream in streams]
    _check_tasks(experiment, tasks)
    check_mixing(experiment.mixing, tasks, {stream.name: [task.name for task in stream.tasks] for stream in streams})
    if run is not None:
        check_configuration(run, experiment, tasks)
        check_rows(run, rows, ("train", "validation"))
    cache = CachedData(experiment, rows)
    packing = experiment.model.encoder.options.packing
    with naming_the_cache(experiment):
        tokenizer = _tokenizer(experiment, streams, run, cache)
        tables = cache.train_tables(streams, tokenizer)
        plan = _plan(experiment, len(experiment.stages) - 1, tables, tasks, replicas, cache)
    slices = [table.slice for table in tables]
    validation_tables = build_tables(streams, "validation", tokenizer, packing, slices)
    validation_plan = plan_pass(validation_tables, experiment.evaluation.batch_size, replicas)
    return TrainingData(streams, tasks, tokenizer, tables, plan, validation_tables, validation_plan, rows, cache)


def _check_tasks(experiment: Experiment, tasks: Mapping[str, Task]) -> None:
    """Checks what the configuration says about tasks, labels and metrics, before anything is written.

    Raises:
        ConfigurationError: if there is something that the experiment cannot learn, generate or measure.
    """
    BALANCING.get(experiment.balancing.name).build(experiment.balancing.options).check(list(tasks))
    if experiment.training.meta is not None:
        check_meta(experiment, tasks)
    for task in tasks.values():
        kind_of(task).check(task, experiment.generation)
    check_metrics(tasks)


def _plan(
    experiment: Experiment,
    number: int,
    tables: Sequence[Table],
    tasks: Mapping[str, Task],
    replicas: int,
    cache: CachedData | None,
    rates: Sequence[Mapping[str, float]] = (),
) -> Plan:
    """Plans a stage on the rows of its tasks, in an order that differs from that of every other stage."""
    options, stages = experiment.training, experiment.stages
    stage, seed = stages[number], options.seed + _SEEDS * (len(stages) - 1 - number)
    if options.meta is not None:
        design = META.get(options.meta.name).build(options.meta.options).design
        members = {name: tasks[name] for name in stage.tasks}
        return plan_episodes(tables, members, design, experiment.mixing, max(1, stage.epochs), replicas, seed)
    multiple = replicas * options.accumulation
    if multiple > options.batch_size:
        raise ConfigurationError(
            f"training.accumulation: a batch of {options.batch_size} rows for {replicas} replicas cannot be read in "
            f"{options.accumulation} parts; give at most {max(options.batch_size // replicas, 1)}"
        )
    epochs, batch_size = max(1, stage.epochs), options.batch_size

    def make(allocate: Allocate) -> Plan:
        mixing = experiment.mixing
        return plan_training(tables, mixing, epochs, batch_size, multiple, seed, stage.tasks, rates, allocate)

    # Rates that follow from what is learned are a plan for each epoch, which no other start would find again.
    if cache is None or rates:
        return make(in_memory)
    return cache.plan(tables, make, [experiment.mixing.as_mapping(), epochs, batch_size, multiple, seed, stage.tasks])


def _tokenizer(experiment: Experiment, streams: Sequence[Stream], run: RunFolder | None, cache: CachedData):
    tokenizers = TOKENIZERS.get(experiment.tokenizer.name).build
    if run is not None and run.tokenizer.is_dir():
        return tokenizers.load(run.tokenizer)
    if experiment.training.start_from:
        # Weights of an embedding have a meaning only with the tokens that they were trained for.
        return _tokenizer_of(RunFolder.open(experiment.training.start_from), experiment)
    if run is not None and run.has_begun:
        raise RunError(f"{run.tokenizer}: missing, though the training has begun; remove the run's folder")
    seed, options = experiment.training.seed, experiment.tokenizer.options
    tasks = [[task.name, task.kind] for stream in streams for task in stream.tasks]
    return cache.tokenizer(lambda: tokenizers.train(options, _training_text(streams, seed)), tasks)


def _tokenizer_of(start: RunFolder, experiment: Experiment):
    own, given = experiment.tokenizer.as_mapping(), experiment_of(start).tokenizer.as_mapping()
    if own != given:
        raise ConfigurationError(f"tokenizer: {start.path}, from which the training starts, has another: {given}")
    return TOKENIZERS.get(experiment.tokenizer.name).build.load(start.tokenizer)


def claim_folder(run: RunFolder, experiment: Experiment, data: TrainingData) -> None:
    """Claims the folder for the experiment: writes its configuration, its fingerprints and, last, its tokenizer."""
    claim(run, experiment, data.tasks)
    if not run.tokenizer.is_dir():
        try:
            with atomic_write(run.rows) as aside:
                aside.write_text(json.dumps(data.rows, indent=1) + "\n", encoding="utf-8")
            with atomic_write(run.tokenizer) as aside:
                data.tokenizer.save(aside)
        except OSError as error:
            raise RunError(f"{run.path}: cannot be written: {error.strerror}") from None


def _training_text(streams: Sequence[Stream], seed: int) -> Iterator[str]:
    """Yields the training texts, pairs and summaries in a random order of rows, so that any part is a sample."""
    sizes = [len(stream.splits["train"]) for stream in streams]
    ends = np.cumsum(sizes)
    for place in np.random.default_rng(seed).permutation(ends[-1]):
        which = int(np.searchsorted(ends, place, side="right"))
        stream, row = streams[which], place - ends[which] + sizes[which]
        examples = stream.splits["train"]
        yield examples.text[row]
        if examples.text_pair is not None:
            yield examples.text_pair[row]
        for task in stream.tasks:
            yield from kind_of(task).training_texts(examples.targets[task.name][row])
