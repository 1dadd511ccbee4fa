"""Decides which rows are in which batch, as a pure function of the seed, so that a run can resume at any update."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfmtl.core.registry import SCHEDULES
from tfmtl.core.validation import Choice
from tfmtl.data.columns import RaggedColumn
from tfmtl.data.draws import Draws
from tfmtl.data.tables import Table

_ROWS_AT_ONCE = 1 << 20

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

    def graph(self) -> tf.Tensor:
        """Returns `rows` as a graph constant."""
        return tf.constant(self.rows)

    def some_updates(self) -> Iterator[slice]:
        """Yields all updates, as many at a time as have about a million rows."""
        step = max(1, _ROWS_AT_ONCE // max(1, self.rows.shape[1]))
        for start in range(0, len(self.rows), step):
            yield slice(start, start + step)


Allocate = Callable[[int, tuple[int, int]], np.ndarray]
"""Returns an array, int32, of the given shape for the rows of the slice with the given number."""


def in_memory(number: int, shape: tuple[int, int]) -> np.ndarray:
    """Returns an array in memory for the rows of a slice."""
    return np.empty(shape, np.int32)


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
    read = np.zeros(plan.updates, np.int64)
    for table, part in zip(tables, plan.slices, strict=True):
        for some in part.some_updates():
            read[some] += table.tokens.lengths_of(part.rows[some]).sum(axis=1)
    return read


def rows_read(tables: Sequence[Table], plan: Plan) -> int:
    """Returns the number of different rows that a plan reads."""
    total = 0
    for table, part in zip(tables, plan.slices, strict=True):
        # The last flag is that of padding rows, whose index is -1.
        is_read = np.zeros(len(table.tokens) + 1, bool)
        for some in part.some_updates():
            is_read[part.rows[some]] = True
        total += int(is_read[:-1].sum())
    return total


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
    allocate: Allocate = in_memory,
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
        allocate: returns the arrays that the rows of the slices are written to, one epoch after the other.
    """
    draws = Draws(tables, tasks, seed)
    total = int(draws.sizes.sum())
    updates = -(-total // batch_size)
    shares = [_rates(draws, mixing, epoch, epochs, rates) for epoch in range(epochs)]
    counts = np.stack([_apportion(share, total) for share in shares])
    starts = np.cumsum(counts, axis=0) - counts
    slices = []
    for k, table in enumerate(tables):
        most = max(draws.count(k, *drawn) for drawn in zip(starts, counts, strict=True))
        in_batch = max(1, -(-most // updates))
        if rates:
            # A step is traced for each number of rows, so that there are few numbers.
            room = -(-batch_size // _ROOMS)
            in_batch = min(-(-in_batch // room) * room, -(-total // updates))
        planned = allocate(k, (updates * epochs, in_batch + -in_batch % multiple))
        for epoch in range(epochs):
            rows = draws.rows(k, starts[epoch], counts[epoch])
            batches = _batch(table, rows, updates, in_batch, np.random.default_rng((seed, 1, epoch, k)))
            planned[epoch * updates : (epoch + 1) * updates] = _with_padding_rows(batches, multiple)
        slices.append(slice_plan(table, planned))
    return Plan(tuple(slices), updates, seed)


def plan_pass(tables: Sequence[Table], batch_size: int, multiple: int = 1) -> Plan:
    """Plans one pass over a split, in which each row appears once; rows are sorted by length."""
    total = sum(len(table.tokens) for table in tables)
    updates = max(1, -(-total // batch_size))
    slices = []
    for table in tables:
        count = len(table.tokens)
        in_batch = max(1, -(-count // updates))
        batches = _batch(table, np.arange(count, dtype=np.int32), updates, in_batch, None)
        slices.append(slice_plan(table, _with_padding_rows(batches, multiple)))
    return Plan(tuple(slices), updates)


def task_shares(tables: Sequence[Table], plan: Plan) -> dict[str, np.ndarray]:
    """Returns, for each task, the share of each update's rows that have a target of the task, float32 `[updates]`."""
    rows: dict[str, np.ndarray] = {}
    for table, part in zip(tables, plan.slices, strict=True):
        for name, flags in table.present.items():
            found, flags = rows.setdefault(name, np.zeros(plan.updates, np.int64)), np.append(flags, False)
            place = plan.tasks.index(name) if name in plan.tasks else len(plan.tasks)
            for some in part.some_updates():
                learned = flags[part.rows[some]]
                if part.only is not None:
                    learned &= part.only[some] == place
                found[some] += learned.sum(axis=1)
    total = np.zeros(plan.updates, np.int64)
    for part in plan.slices:
        for some in part.some_updates():
            total[some] += (part.rows[some] >= 0).sum(axis=1)
    total = np.maximum(total, 1)
    return {name: (count / total).astype(np.float32) for name, count in rows.items()}


def padding_share(tables: Sequence[Table], plan: Plan) -> float:
    """Returns the share of the trunk's input positions that are padding, over the whole plan."""
    read = tokens_read(tables, plan).sum()
    room = sum(part.rows.shape[1] * part.length.sum(dtype=np.int64) for part in plan.slices)
    return float(1.0 - read / room)


def stream_sizes(tables: Sequence[Table], tasks: Collection[str]) -> dict[str, int]:
    """Returns the number of rows of each stream that have a target of one of the tasks, for streams with such rows."""
    draws = Draws(tables, tasks, seed=0)
    return dict(zip(draws.names, draws.sizes.tolist(), strict=True))


def first_rates(tables: Sequence[Table], tasks: Collection[str], mixing: Choice, epochs: int) -> dict[str, float]:
    """Returns the rate of each stream in the first epoch, by the schedule."""
    return scheduled_rates(stream_sizes(tables, tasks), mixing, 0, epochs)


def scheduled_rates(sizes: Mapping[str, int], mixing: Choice, epoch: int, epochs: int) -> dict[str, float]:
    """Returns the rate of each stream in an epoch, by the schedule, given the number of rows of each stream."""
    rates = SCHEDULES.get(mixing.name).build(np.array(list(sizes.values())), epoch, epochs, mixing.options)
    return dict(zip(sizes, rates.tolist(), strict=True))


def _rates(draws: Draws, mixing: Choice, epoch: int, epochs: int, rates: Sequence[Mapping[str, float]]) -> np.ndarray:
    """Returns the rate of each stream in an epoch: that of the schedule, if there are no other `rates`."""
    if not rates:
        return SCHEDULES.get(mixing.name).build(draws.sizes, epoch, epochs, mixing.options)
    of_epoch = rates[min(epoch, len(rates) - 1)]
    return np.array([of_epoch[name] for name in draws.names])


def _apportion(share: np.ndarray, total: int) -> np.ndarray:
    """Splits `total` into integers in proportion to `share`; the largest remainders are rounded up."""
    exact = share * total
    counts = np.floor(exact).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: total - counts.sum()]] += 1
    return counts


def _batch(
    table: Table, rows: np.ndarray, updates: int, in_batch: int, generator: np.random.Generator | None
) -> np.ndarray:
    """Cuts rows into batches of similar length, int32 `[updates, in_batch]`; shuffles them if there is a generator."""
    rows = np.concatenate([rows, np.full(updates * in_batch - len(rows), -1, np.int32)])
    if generator is not None:
        generator.shuffle(rows)
    # A small table is sorted in parts as well: sorted as a whole, its batches would contain the same rows each epoch.
    pool = min(_POOL_BATCHES, -(-updates // _FEWEST_POOLS)) * in_batch if generator is not None else len(rows)
    ragged = _ragged(table)
    for start in range(0, len(rows), pool):
        some = rows[start : start + pool]
        keys = [column.lengths_of(some) for column in ragged.values()]
        keys.append(bucket_length(table.tokens.lengths_of(some)))
        rows[start : start + pool] = some[np.lexsort(keys)]
    batches = rows.reshape(updates, in_batch)
    return batches if generator is None else batches[generator.permutation(updates)]


def _with_padding_rows(rows: np.ndarray, multiple: int) -> np.ndarray:
    """Adds padding rows up to a multiple of `multiple`; the real rows of a batch do not depend on it."""
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % multiple)), constant_values=-1)


def slice_plan(table: Table, rows: np.ndarray) -> SlicePlan:
    """Returns the plan of a slice, given its rows `[updates, rows]`, with the lengths to which they are padded."""
    part = SlicePlan(rows, np.zeros(0, np.int32), {})

    def longest(column: RaggedColumn) -> np.ndarray:
        # No batch is longer than the longest row: positions beyond it may not exist in the model.
        most = max(column.longest, 2)
        found = np.zeros(len(rows), np.int32)
        for some in part.some_updates():
            found[some] = np.minimum(bucket_length(column.lengths_of(rows[some]).max(axis=1)), most)
        return found

    targets = {name: longest(column) for name, column in _ragged(table).items()}
    return SlicePlan(rows, longest(table.tokens), targets)


def _ragged(table: Table) -> dict[str, RaggedColumn]:
    """Returns the targets of each task whose targets vary in length."""
    return {name: column for name, column in table.targets.items() if isinstance(column, RaggedColumn)}
