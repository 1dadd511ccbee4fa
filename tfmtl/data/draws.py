"""The random order in which the rows of streams are drawn for a training, as a pure function of a seed."""

from collections.abc import Collection, Sequence

import numpy as np

from tfmtl.core.errors import DataError
from tfmtl.data.tables import Table


class Draws:
    """Draws the rows of each stream without replacement; when they are used up, in another order from the beginning.

    Args:
        tables: the tables of the training split.
        tasks: only rows with a target of one of them are drawn; all rows if `None`.
        seed: the seed of all random orders.

    Attributes:
        names: the names of the streams that have rows, in alphabetical order.
        sizes: the number of rows of each of them, int64 `[streams]`.

    Raises:
        DataError: if there are more rows than int32 can count.
    """

    def __init__(self, tables: Sequence[Table], tasks: Collection[str] | None, seed: int):
        rows, most = sum(len(table.tokens) for table in tables), np.iinfo(np.int32).max
        if rows > most:
            raise DataError(f"{rows} training rows are more than a plan can have ({most}); set 'limit' of a source")
        names = sorted({name for table in tables for name in table.streams})
        located = [[_rows(table, name, tasks) for table in tables] for name in names]
        # For each stream, its rows in each table.
        found = {name: of_stream for name, of_stream in zip(names, located, strict=True) if any(map(len, of_stream))}
        self.names, self._rows = list(found), list(found.values())
        self._seed = seed
        self.sizes = np.array([sum(map(len, of_stream)) for of_stream in self._rows], np.int64)

    def count(self, table: int, starts: np.ndarray, counts: np.ndarray) -> int:
        """Returns the number of rows that `rows` returns for the same arguments."""
        if all(len(of_stream[table]) in (0, size) for of_stream, size in zip(self._rows, self.sizes, strict=True)):
            return sum(int(count) for of_stream, count in zip(self._rows, counts, strict=True) if len(of_stream[table]))
        return len(self.rows(table, starts, counts))

    def rows(self, table: int, starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Returns the rows of one table among some draws of all streams, int32 `[rows]`.

        Args:
            table: the number of the table.
            starts: the number of draws before them from each stream, `[streams]`.
            counts: the number of draws from each stream, `[streams]`.
        """
        drawn = [np.zeros(0, np.int32)]
        for number, (start, count) in enumerate(zip(starts.tolist(), counts.tolist(), strict=True)):
            drawn += self._of_stream(number, table, start, start + count)
        return drawn[1] if len(drawn) == 2 else np.concatenate(drawn)

    def _of_stream(self, number: int, table: int, start: int, stop: int) -> list[np.ndarray]:
        """Returns the rows of one table among the draws `start` to `stop` of a stream, pass by pass."""
        size, here = int(self.sizes[number]), self._rows[number][table]
        if not len(here):
            return []
        before = sum(len(rows) for rows in self._rows[number][:table])
        drawn = []
        for number_of_pass in range(start // size, -(-stop // size)):
            first = number_of_pass * size
            # Shuffled like int64 numbers, in half of the memory.
            order = np.arange(size, dtype=np.int32)
            np.random.default_rng((self._seed, number, number_of_pass)).shuffle(order)
            order = order[max(0, start - first) : stop - first]
            if len(here) < size:
                order = order[(order >= before) & (order < before + len(here))] - np.int32(before)
            drawn.append(_taken(here, order))
        return drawn


def _taken(rows: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Returns `rows[order]`, int32; rows that follow each other are counted, not looked up."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        order += np.int32(rows[0])
        return order
    return rows[order]


def _rows(table: Table, stream: str, tasks: Collection[str] | None) -> np.ndarray:
    """Returns the rows of a stream that have a target of one of the tasks, in order, int32 `[rows]`."""
    rows = table.streams.get(stream, np.zeros(0, np.int64))
    if tasks is not None:
        of_tasks = [flags[rows] for name, flags in table.present.items() if name in tasks]
        rows = rows[np.any(of_tasks, axis=0)] if of_tasks else rows[:0]
    return rows.astype(np.int32)
