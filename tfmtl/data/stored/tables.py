"""Tables in files: rows are tokenized in parts, each of which is kept once it is done."""

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import ConfigDict, Field, NonNegativeInt, Strict

from tfmtl.core.cache import Facts, found_or_made, make_unless_busy
from tfmtl.core.descriptions import Described
from tfmtl.core.errors import RunError
from tfmtl.data.columns import Column, DenseColumn, RaggedColumn, StoredDenseColumn, StoredRaggedColumn
from tfmtl.data.packing import Packing
from tfmtl.data.stored.arrays import ArrayWriter, mapped
from tfmtl.data.streams import Examples, Stream
from tfmtl.data.tables import Corruption, Slice, Table, build_tables, derived_slices
from tfmtl.kinds.kind import kind_of

PART = 1 << 15
"""The number of rows of a part."""

_logger = logging.getLogger("tfmtl")


class _Dense(Described):
    """A column with an entry of this shape, `[rows, ...]`."""

    model_config = ConfigDict(extra="forbid")
    dtype: str
    shape: list[NonNegativeInt] = Field(min_length=1)

    @property
    def rows(self) -> int:
        return self.shape[0]


class _Ragged(Described):
    """A column of so many tokens in so many rows."""

    model_config = ConfigDict(extra="forbid")
    rows: NonNegativeInt
    tokens: NonNegativeInt


_Columns = dict[str, _Dense | _Ragged]
"""The columns of a table: its tokens, named by nothing, and its targets."""


class _PartOfTable(Described):
    rows: NonNegativeInt
    columns: _Columns


class _PartFacts(Described):
    """The stream of a part, and what it has of each table."""

    stream: NonNegativeInt
    tables: list[_PartOfTable]

    @classmethod
    def read(cls, path: Path, part: "_Part", slices: Sequence[Slice], facts: Facts) -> Self:
        """Returns the facts of a part; raises an error if they do not fit it or its files."""
        found = cls.of(facts, str(path))
        if found.stream != part.stream or len(found.tables) != len(slices):
            raise ValueError(f"it is part of {len(found.tables)} tables of stream {found.stream}")
        for number, table in enumerate(found.tables):
            if not {""} <= table.columns.keys() <= {"", *slices[number].tasks}:
                raise ValueError(f"its table {number} has other columns than its tasks")
            for name, column in table.columns.items():
                if column.rows != table.rows:
                    raise ValueError(f"'{name[:40]}' has {column.rows} of {table.rows} rows")
                _check_part(path / f"{number}.{name}", column)
        return found


def _check_part(path: Path, column: _Dense | _Ragged) -> None:
    """Raises `ValueError` if the files of a column of a part do not have its size."""
    if isinstance(column, _Dense):
        mapped(Path(f"{path}.values"), column.dtype, column.shape)
        return
    mapped(Path(f"{path}.values"), np.int32, [column.tokens])
    lengths = mapped(Path(f"{path}.lengths"), np.int64, [column.rows])
    if lengths.min(initial=0) < 0 or lengths.sum() != column.tokens:
        raise ValueError(f"'{path.name}' does not say how long its rows are")


class _TableFacts(Described):
    """The columns of each table, and where the rows of each stream begin and end in it."""

    tables: list[_Columns]
    streams: list[dict[str, Annotated[tuple[NonNegativeInt, NonNegativeInt], Strict(False)]]]


@dataclass(frozen=True)
class _Part:
    """Rows `start` to `stop` of a stream."""

    stream: int
    start: int
    stop: int


def stored_tables(entry: Path, streams: Sequence[Stream], split: str, tokenizer, packing: Packing) -> list[Table]:
    """Returns the tables that `build_tables` makes, in the files of an entry, which are written if it is not there.

    Memory holds one part at a time. Parts that an interrupted process has written are not written again, and processes
    that write the same tables share their parts.

    Args:
        entry: the path of the entry, which is named by all that the tables depend on.
        streams: the streams, with the examples of the split.
        split: the name of the split.
        tokenizer: a tokenizer of `tfmtl.data.tokenizers`.
        packing: how tokens become rows.
    """
    slices = derived_slices(streams, split)

    parts_to_make = list(_parts(entry, streams, split, slices, tokenizer, packing))
    if not entry.exists():
        rows = sum(len(stream.splits[split]) for stream in streams)
        _logger.info("tokenizing %d rows of %s, once, into %s", rows, split, entry)
    for path, make_part, read_part in parts_to_make:
        # Another process may have put all parts together meanwhile.
        if not entry.exists():
            make_unless_busy(path, make_part, read_part)

    def make(folder: Path) -> Facts:
        parts = [(path, found_or_made(path, *functions)[0]) for path, *functions in parts_to_make]
        tables = [_joined(folder, k, parts) for k in range(len(slices))]
        return {
            "tables": [{name: column.model_dump() for name, column in columns.items()} for columns in tables],
            "streams": [_places(streams, k, parts) for k in range(len(slices))],
        }

    def read(facts: Facts) -> list[Table]:
        known = _TableFacts.of(facts, str(entry))
        if not len(slices) == len(known.tables) == len(known.streams):
            raise ValueError(f"it has {len(known.tables)} tables")
        return [_table(entry, k, part, known, streams) for k, part in enumerate(slices)]

    tables, is_new = found_or_made(entry, make, read)
    shutil.rmtree(_folder_of_parts(entry), ignore_errors=True)
    if not is_new:
        _logger.info("the tokens of %s are found in %s", split, entry)
    return tables


def _folder_of_parts(entry: Path) -> Path:
    return entry.with_name(f"{entry.name}.parts")


def _parts(
    entry: Path, streams: Sequence[Stream], split: str, slices: Sequence[Slice], tokenizer, packing: Packing
) -> Iterator[tuple[Path, Callable[[Path], Facts], Callable[[Facts], _PartFacts]]]:
    """Yields the entry of each part, the function that makes it, and the one that checks what is found."""
    for number, part in enumerate(_ranges(streams, split)):
        path = _folder_of_parts(entry) / f"{number:06}"

        def make(folder: Path, part: _Part = part) -> Facts:
            chosen = [_rows(stream, split, part, k) for k, stream in enumerate(streams)]
            tables = build_tables(chosen, split, tokenizer, packing, slices)
            of_tables = [_written(folder, k, table) for k, table in enumerate(tables)]
            return {"stream": part.stream, "tables": of_tables}

        yield path, make, partial(_PartFacts.read, path, part, slices)


def _ranges(streams: Sequence[Stream], split: str) -> Iterator[_Part]:
    for k, stream in enumerate(streams):
        rows = len(stream.splits[split])
        for start in range(0, rows, PART):
            yield _Part(k, start, min(start + PART, rows))


def _rows(stream: Stream, split: str, part: _Part, number: int) -> Stream:
    """Returns a stream with the rows of a part, or with none if they belong to another stream."""
    examples = stream.splits[split]
    rows = slice(part.start, part.stop) if part.stream == number else slice(0, 0)
    pair = None if examples.text_pair is None else examples.text_pair[rows]
    targets = {task: values[rows] for task, values in examples.targets.items()}
    return replace(stream, splits={split: Examples(examples.text[rows], pair, targets)})


def _columns(table: Table) -> dict[str, Column]:
    return {"": table.tokens, **table.targets}


def _written(folder: Path, number: int, table: Table) -> Facts:
    """Writes the columns of a table of a part."""
    columns = {}
    for name, column in _columns(table).items():
        path = folder / f"{number}.{name}"
        if column.lengths is None:
            np.ascontiguousarray(column.values).tofile(f"{path}.values")
            columns[name] = {"dtype": column.values.dtype.str, "shape": list(column.values.shape)}
        else:
            column.values.astype(np.int32).tofile(f"{path}.values")
            column.lengths.astype(np.int64).tofile(f"{path}.lengths")
            columns[name] = {"tokens": len(column.values), "rows": len(column)}
    return {"rows": len(table.tokens), "columns": columns}


def _joined(folder: Path, number: int, parts: Sequence[tuple[Path, _PartFacts]]) -> _Columns:
    """Writes the columns of a table one part after the other, and an absent entry behind them."""
    of_table = [(path, facts.tables[number]) for path, facts in parts]
    columns: _Columns = {}
    for name, column in of_table[0][1].columns.items():
        found = [(path / f"{number}.{name}", facts.columns.get(name)) for path, facts in of_table]
        for path, other in found:
            if type(other) is not type(column):
                raise RunError(f"{path}: damaged: this is no part of the others; remove {path.parent.parent}")
        join = _join_ragged if isinstance(column, _Ragged) else _join_dense
        columns[name] = join(folder / f"{number}.{name}", found)
    return columns


def _join_dense(path: Path, parts: Sequence[tuple[Path, _Dense]]) -> _Dense:
    dtype, shape = np.dtype(parts[0][1].dtype), parts[0][1].shape[1:]
    with closing(ArrayWriter(path)) as writer:
        for part, column in parts:
            writer.append(mapped(Path(f"{part}.values"), dtype, column.shape))
        rows = writer.rows
        writer.append(DenseColumn(np.zeros([0, *shape], dtype)).take(np.array([-1])).values)
    return _Dense(dtype=dtype.str, shape=[rows, *shape])


def _join_ragged(path: Path, parts: Sequence[tuple[Path, _Ragged]]) -> _Ragged:
    total = 0
    with ExitStack() as stack:
        values, splits = (
            stack.enter_context(closing(ArrayWriter(Path(f"{path}.{end}")))) for end in ("values", "splits")
        )
        splits.append(np.zeros(1, np.int64))
        for part, column in parts:
            values.append(mapped(Path(f"{part}.values"), np.int32, [column.tokens]))
            lengths = mapped(Path(f"{part}.lengths"), np.int64, [column.rows])
            splits.append(total + np.cumsum(lengths))
            total += column.tokens
        rows = splits.rows - 1
        splits.append(np.full(1, total, np.int64))
    return _Ragged(rows=rows, tokens=total)


def _places(streams: Sequence[Stream], number: int, parts: Sequence[tuple[Path, _PartFacts]]) -> dict[str, list[int]]:
    """Returns where the rows of each stream begin and end in a table; of streams without rows in it, nothing."""
    places: dict[str, list[int]] = {}
    end = 0
    for _, facts in parts:
        rows = facts.tables[number].rows
        if rows:
            place = places.setdefault(streams[facts.stream].name, [end, end])
            place[1] = end = end + rows
    return places


def _table(entry: Path, number: int, part: Slice, facts: _TableFacts, streams: Sequence[Stream]) -> Table:
    """Returns a table whose columns are in files; raises an error if these are not those of the table."""
    known, found = facts.tables[number], facts.streams[number]
    rows = known[""].rows
    if not set(part.tasks) >= known.keys() - {""} or any(column.rows != rows for column in known.values()):
        raise ValueError(f"its table {number} has other columns than its tasks")
    names = {stream.name for stream in streams}
    if not found.keys() <= names or any(not begin <= end <= rows for begin, end in found.values()):
        raise ValueError(f"its table {number} has rows of other streams")
    columns = {name: _opened(entry / f"{number}.{name}", column) for name, column in known.items()}
    places = {name: np.arange(begin, end) for name, (begin, end) in found.items()}
    tasks = [task for stream in streams for task in stream.tasks if task.name in part.tasks]
    corrupting = [task for task in tasks if kind_of(task).corrupts]
    corruption = Corruption(corrupting[0].name, kind_of(corrupting[0]).corrupt(corrupting[0])) if corrupting else None
    targets = {name: columns[name] for name in part.tasks if name in columns}
    return Table(part, columns[""], targets, places, corruption)


def _opened(path: Path, column: _Dense | _Ragged) -> DenseColumn | RaggedColumn:
    if isinstance(column, _Ragged):
        return StoredRaggedColumn(path, column.rows, column.tokens)
    return StoredDenseColumn(path, column.dtype, column.shape)
