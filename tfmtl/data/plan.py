"""Decides which rows are in which batch, as a pure function of the seed, so that a run can resume at any update."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfmtl.core.registry import SCHEDULES
from tfmtl.core.validation import Choice
from tfmtl.data.tables import Table

_POOL_BATCHES = 64
"""The number of batches whose rows are sorted by length together.

It is large enough for little padding, and small enough that every batch mixes all streams.
"""

_ROOMS = 8
"""The number of steps in which the rows of a slice in a batch grow, where rates follow from what is learned."""

_FEWEST_POOLS = 4
"""The minimum number of parts into which the batches of an epoch are divided for sorting."""


@dataclass(frozen=True)
class SlicePlan:
    """The part of a plan that belongs to one slice.

    Attributes:
        rows: the rows of the slice's table in each update, int32 `[updates, rows]`; -1 is a padding row.
        length: the length to which the texts of each update are padded, int32 `[updates]`.
        target_lengths: the lengths to which the ragged targets of each task are padded, int32 `[updates]`.
        only: the position of the only task whose target a row has in an update, in the order of `Plan.tasks`, int32
            `[updates, rows]`; `None` if rows have the targets of all their tasks.
    """

    rows: np.ndarray
    length: np.ndarray
    target_lengths: dict[str, np.ndarray]
    only: np.ndarray | None = None


@dataclass(frozen=True)
class EpisodeShape:
    """The place of episodes in a batch, whose slices have one after the other, each with the same room.

    Attributes:
        episodes: the number of episodes.
        support: the number of rows of each slice that a step of an episode adapts to, padding included.
        query: the number of rows of each slice that the adapted model is measured on, padding included.
        steps: the number of steps with rows of their own, one after the other; all further steps repeat them.
    """

    episodes: int
    support: int
    query: int
    steps: int = 1

    @property
    def of_episode(self) -> int:
        """The number of rows of a slice in an episode."""
        return self.steps * self.support + self.query

    @property
    def rows(self) -> int:
        """The number of rows of a slice in a batch."""
        return self.episodes * self.of_episode

    def starts(self, episode: int) -> list[int]:
        """Returns the first row of each step's rows of an episode, and that of the rows to measure."""
        return [episode * self.of_episode + step * self.support for step in range(self.steps + 1)]


@dataclass(frozen=True)
class Plan:
    """The batches of a whole training, or of one pass over a split.

    Attributes:
        slices: the plan of each table, in the order of the tables.
        updates_per_epoch: the number of updates in an epoch.
        seed: the seed of everything that is drawn when a batch is built.
        tasks: the names of the tasks to which `SlicePlan.only` refers; empty if rows have the targets of all tasks.
        episodes: the place of episodes in a batch; `None` if batches are not made of episodes.
    """

    slices: tuple[SlicePlan, ...]
    updates_per_epoch: int
    seed: int = 0
    tasks: tuple[str, ...] = ()
    episodes: EpisodeShape | None = None

    @property
    def updates(self) -> int:
        """The number of updates in all epochs together."""
        return len(self.slices[0].rows)


def tokens_read(tables: Sequence[Table], plan: Plan) -> np.ndarray:
    """Returns the number of text ids that each update reads, without padding, int64 `[updates]`."""
    read = [_lengths(t.tokens.lengths)[part.rows].sum(axis=1) for t, part in zip(tables, plan.slices, strict=True)]
    return np.sum(read, axis=0)


def bucket_length(lengths: np.ndarray) -> np.ndarray:
    """Returns the lengths rounded up to one of few values, which are less than an eighth (or one) longer.

    >>> bucket_length(np.array([3, 17, 33, 129, 256])).tolist()
    [4, 18, 36, 144, 256]
    """
    lengths = np.maximum(lengths, 2)
    step = np.maximum(2, 2 ** np.ceil(np.log2(lengths)).astype(np.int64) // 16)
    return (-(-lengths // step) * step).astype(np.int32)


def plan_training(
    tables: Sequence[Table],
    mixing: Choice,
    epochs: int,
    batch_size: int,
    multiple: int,
    seed: int,
    tasks: Collection[str] | None = None,
    rates: Sequence[Mapping[str, float]] = (),
) -> Plan:
    """Plans every batch of a training.

    An epoch draws as many rows as all streams have together; the schedule decides how many come from each stream. The
    rows of a stream are drawn in a random order without replacement. When they are used up, in whatever epoch that is,
    the next pass over the stream begins, in another order. Rows of similar length are put into the same batch.

    Args:
        tables: the tables of the training split.
        mixing: a schedule of `SCHEDULES` with its options.
        epochs: the number of epochs.
        batch_size: the number of rows per batch, over all slices and replicas.
        multiple: the number that divides the rows of each slice in a batch, padding rows included, so that a batch can
            be cut into parts for replicas and for accumulation.
        seed: the seed of all random orders.
        tasks: the tasks to train: only rows with a target of one of them are drawn; all tasks if `None`. A table
            without such rows has padding rows only.
        rates: the rates of streams in the first epochs, if they are not those of the schedule; the last ones stand for
            all epochs after it. The batches of the last epoch with rates of its own are those to train with: further
            rates can change how many rows of a slice are in a batch, and so the batches of earlier epochs.
    """
    rows = _located(tables, tasks)
    streams = list(rows)
    sizes = {name: len(located) for name, located in rows.items()}
    total = sum(sizes.values())
    updates = -(-total // batch_size)
    drawn = np.zeros(len(streams), np.int64)
    epoch_rows: list[list[np.ndarray]] = []
    for epoch in range(epochs):
        share = rates[min(epoch, len(rates) - 1)] if rates else scheduled_rates(sizes, mixing, epoch, epochs)
        counts = _apportion(np.array([share[name] for name in streams]), total)
        draws = [_draw(rows[name], drawn[i], counts[i], (seed, i)) for i, name in enumerate(streams)]
        drawn += counts
        located = np.concatenate(draws)
        epoch_rows.append([located[located[:, 0] == k, 1] for k in range(len(tables))])
    slices = []
    for k, table in enumerate(tables):
        most = max(len(of_epoch[k]) for of_epoch in epoch_rows)
        in_batch = max(1, -(-most // updates))
        if rates:
            # A step is traced for each number of rows, so that there are few numbers.
            in_batch = min(_rounded_up(in_batch, -(-batch_size // _ROOMS)), -(-total // updates))
        batches = [
            _batch(table, of_epoch[k], updates, in_batch, np.random.default_rng((seed, 1, epoch, k)))
            for epoch, of_epoch in enumerate(epoch_rows)
        ]
        slices.append(slice_plan(table, np.concatenate(batches), multiple))
    return Plan(tuple(slices), updates, seed)


def plan_pass(tables: Sequence[Table], batch_size: int, multiple: int = 1) -> Plan:
    """Plans one pass over a split, in which each row appears once; rows are sorted by length."""
    total = sum(len(table.tokens) for table in tables)
    updates = max(1, -(-total // batch_size))
    slices = []
    for table in tables:
        count = len(table.tokens)
        in_batch = max(1, -(-count // updates))
        slices.append(slice_plan(table, _batch(table, np.arange(count), updates, in_batch, None), multiple))
    return Plan(tuple(slices), updates)


def task_shares(tables: Sequence[Table], plan: Plan) -> dict[str, np.ndarray]:
    """Returns, for each task, the share of each update's rows that have a target of the task, float32 `[updates]`."""
    rows: dict[str, np.ndarray] = {}
    for table, part in zip(tables, plan.slices, strict=True):
        for name, flags in table.present.items():
            learned = np.append(flags, False)[part.rows]
            if part.only is not None:
                learned &= part.only == (plan.tasks.index(name) if name in plan.tasks else len(plan.tasks))
            rows[name] = rows.get(name, 0) + learned.sum(axis=1)
    total = np.maximum(sum((part.rows >= 0).sum(axis=1) for part in plan.slices), 1)
    return {name: (count / total).astype(np.float32) for name, count in rows.items()}


def padding_share(tables: Sequence[Table], plan: Plan) -> float:
    """Returns the share of the trunk's input positions that are padding, over the whole plan."""
    read = tokens_read(tables, plan).sum()
    room = sum(part.rows.shape[1] * part.length.sum(dtype=np.int64) for part in plan.slices)
    return float(1.0 - read / room)


def stream_sizes(tables: Sequence[Table], tasks: Collection[str]) -> dict[str, int]:
    """Returns the number of rows of each stream that have a target of one of the tasks, for streams with such rows."""
    return {name: len(located) for name, located in _located(tables, tasks).items()}


def first_rates(tables: Sequence[Table], tasks: Collection[str], mixing: Choice, epochs: int) -> dict[str, float]:
    """Returns the rate of each stream in the first epoch, by the schedule."""
    return scheduled_rates(stream_sizes(tables, tasks), mixing, 0, epochs)


def scheduled_rates(sizes: Mapping[str, int], mixing: Choice, epoch: int, epochs: int) -> dict[str, float]:
    """Returns the rate of each stream in an epoch, by the schedule, given the number of rows of each stream."""
    rates = SCHEDULES.get(mixing.name).build(np.array(list(sizes.values())), epoch, epochs, mixing.options)
    return dict(zip(sizes, rates.tolist(), strict=True))


def _rounded_up(number: int, step: int) -> int:
    return -(-number // step) * step


def _located(tables: Sequence[Table], tasks: Collection[str] | None) -> dict[str, np.ndarray]:
    """Returns `_locate` of each stream that has rows, by its name, in alphabetical order."""
    names = sorted({name for table in tables for name in table.streams})
    found = {name: _locate(tables, name, tasks) for name in names}
    return {name: located for name, located in found.items() if len(located)}


def _locate(tables: Sequence[Table], stream: str, tasks: Collection[str] | None) -> np.ndarray:
    """Returns `(table, row)` for each row of a stream that has a target of one of the tasks, int64 `[rows, 2]`."""
    located = [np.zeros([0, 2], np.int64)]
    for k, table in enumerate(tables):
        rows = table.streams.get(stream, np.zeros(0, np.int64))
        if tasks is not None:
            of_tasks = [flags[rows] for name, flags in table.present.items() if name in tasks]
            rows = rows[np.any(of_tasks, axis=0)] if of_tasks else rows[:0]
        located.append(np.stack([np.full(len(rows), k), rows], axis=1))
    return np.concatenate(located)


def _apportion(share: np.ndarray, total: int) -> np.ndarray:
    """Splits `total` into integers in proportion to `share`; the largest remainders are rounded up."""
    exact = share * total
    counts = np.floor(exact).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: total - counts.sum()]] += 1
    return counts


def _draw(rows: np.ndarray, start: int, count: int, seed: tuple[int, ...]) -> np.ndarray:
    """Returns draws `start` to `start + count` of a stream, which are shuffled passes over its rows in sequence."""
    passes = range(start // len(rows), -(-(start + count) // len(rows)))
    order = [rows[np.random.default_rng((*seed, number)).permutation(len(rows))] for number in passes]
    first = start - passes.start * len(rows)
    return np.concatenate([rows[:0], *order])[first : first + count]


def _batch(
    table: Table, rows: np.ndarray, updates: int, in_batch: int, generator: np.random.Generator | None
) -> np.ndarray:
    """Cuts rows into batches of similar length, int32 `[updates, in_batch]`; shuffles if there is a generator."""
    rows = np.concatenate([rows, np.full(updates * in_batch - len(rows), -1, np.int64)])
    if generator is not None:
        rows = generator.permutation(rows)
    # A small table is sorted in parts as well: sorted as a whole, its batches would contain the same rows each epoch.
    pool = min(_POOL_BATCHES, -(-updates // _FEWEST_POOLS)) * in_batch if generator is not None else len(rows)
    keys = [_lengths(lengths)[rows] for lengths in _ragged_lengths(table).values()]
    keys.append(bucket_length(_lengths(table.tokens.lengths)[rows]))
    keys.append(np.arange(len(rows)) // pool)
    batches = rows[np.lexsort(keys)].reshape(updates, in_batch).astype(np.int32)
    return batches if generator is None else batches[generator.permutation(updates)]


def slice_plan(table: Table, rows: np.ndarray, multiple: int) -> SlicePlan:
    """Returns the plan of a slice, given its rows `[updates, rows]`, and the lengths that they need.

    Adds padding rows up to a multiple of `multiple`; the real rows of a batch do not depend on it.
    """
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % multiple)), constant_values=-1)

    def longest(lengths: np.ndarray) -> np.ndarray:
        # No batch is longer than the longest row: positions beyond it may not exist in the model.
        most = max(lengths.max(initial=0), 2)
        return np.minimum(bucket_length(_lengths(lengths)[rows].max(axis=1)), most).astype(np.int32)

    targets = {name: longest(lengths) for name, lengths in _ragged_lengths(table).items()}
    return SlicePlan(rows, longest(table.tokens.lengths), targets)


def _ragged_lengths(table: Table) -> dict[str, np.ndarray]:
    """Returns the target lengths, int64 `[rows]`, of each task whose targets vary in length."""
    columns = {name: column.lengths for name, column in table.targets.items()}
    return {name: lengths for name, lengths in columns.items() if lengths is not None}


def _lengths(lengths: np.ndarray) -> np.ndarray:
    """Appends the length of the padding row, which has the index -1."""
    return np.append(lengths, 0)
