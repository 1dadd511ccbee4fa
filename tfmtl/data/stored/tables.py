"""Tables in files: rows are tokenized in parts, each of which is kept once it is done."""

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfmtl.core.cache import Facts, found_or_made, make_unless_busy
from tfmtl.data.columns import Column, DenseColumn, RaggedColumn, StoredDenseColumn, StoredRaggedColumn
from tfmtl.data.packing import Packing
from tfmtl.data.stored.arrays import ArrayWriter, mapped
from tfmtl.data.streams import Examples, Stream
from tfmtl.data.tables import Corruption, Slice, Table, build_tables, derived_slices
from tfmtl.kinds.kind import kind_of

PART = 1 << 15
"""The number of rows of a part."""

_logger = logging.getLogger("tfmtl")


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
    for path, make_part in parts_to_make:
        # Another process may have put all parts together meanwhile.
        if not entry.exists():
            make_unless_busy(path, make_part)

    def make(folder: Path) -> Facts:
        parts = [(path, found_or_made(path, make_part)[0]) for path, make_part in parts_to_make]
        facts = {"tables": [_joined(folder, k, parts) for k in range(len(slices))]}
        facts["streams"] = [_places(streams, k, parts) for k in range(len(slices))]
        return facts

    facts, is_new = found_or_made(entry, make)
    shutil.rmtree(_folder_of_parts(entry), ignore_errors=True)
    if not is_new:
        _logger.info("the tokens of %s are found in %s", split, entry)
    return [_table(entry, k, part, facts, streams) for k, part in enumerate(slices)]


def _folder_of_parts(entry: Path) -> Path:
    return entry.with_name(f"{entry.name}.parts")


def _parts(
    entry: Path, streams: Sequence[Stream], split: str, slices: Sequence[Slice], tokenizer, packing: Packing
) -> Iterator[tuple[Path, Callable[[Path], Facts]]]:
    """Yields the entry of each part and the function that makes it."""
    for number, part in enumerate(_ranges(streams, split)):
        path = _folder_of_parts(entry) / f"{number:06}"

        def make(folder: Path, part: _Part = part) -> Facts:
            chosen = [_rows(stream, split, part, k) for k, stream in enumerate(streams)]
            tables = build_tables(chosen, split, tokenizer, packing, slices)
            of_tables = [_written(folder, k, table) for k, table in enumerate(tables)]
            return {"stream": part.stream, "tables": of_tables}

        yield path, make


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


def _joined(folder: Path, number: int, parts: Sequence[tuple[Path, Facts]]) -> Facts:
    """Writes the columns of a table one part after the other, and an absent entry behind them."""
    of_table = [(path, facts["tables"][number]) for path, facts in parts]
    columns = {}
    for name in of_table[0][1]["columns"]:
        found = [(path / f"{number}.{name}", facts["columns"][name]) for path, facts in of_table]
        join = _join_ragged if "tokens" in found[0][1] else _join_dense
        columns[name] = join(folder / f"{number}.{name}", found)
    return columns


def _join_dense(path: Path, parts: Sequence[tuple[Path, Facts]]) -> Facts:
    dtype, shape = np.dtype(parts[0][1]["dtype"]), parts[0][1]["shape"][1:]
    with closing(ArrayWriter(path)) as writer:
        for part, facts in parts:
            writer.append(mapped(Path(f"{part}.values"), dtype, facts["shape"]))
        rows = writer.rows
        writer.append(DenseColumn(np.zeros([0, *shape], dtype)).take(np.array([-1])).values)
    return {"dtype": dtype.str, "shape": [rows, *shape]}


def _join_ragged(path: Path, parts: Sequence[tuple[Path, Facts]]) -> Facts:
    total = 0
    with ExitStack() as stack:
        values, splits = (
            stack.enter_context(closing(ArrayWriter(Path(f"{path}.{end}")))) for end in ("values", "splits")
        )
        splits.append(np.zeros(1, np.int64))
        for part, facts in parts:
            values.append(mapped(Path(f"{part}.values"), np.int32, [facts["tokens"]]))
            lengths = mapped(Path(f"{part}.lengths"), np.int64, [facts["rows"]])
            splits.append(total + np.cumsum(lengths))
            total += facts["tokens"]
        rows = splits.rows - 1
        splits.append(np.full(1, total, np.int64))
    return {"rows": rows, "tokens": total}


def _places(streams: Sequence[Stream], number: int, parts: Sequence[tuple[Path, Facts]]) -> dict[str, list[int]]:
    """Returns where the rows of each stream begin and end in a table; of streams without rows in it, nothing."""
    places: dict[str, list[int]] = {}
    end = 0
    for _, facts in parts:
        rows = facts["tables"][number]["rows"]
        if rows:
            place = places.setdefault(streams[facts["stream"]].name, [end, end])
            place[1] = end = end + rows
    return places


def _table(entry: Path, number: int, part: Slice, facts: Any, streams: Sequence[Stream]) -> Table:
    columns = {name: _opened(entry / f"{number}.{name}", of_one) for name, of_one in facts["tables"][number].items()}
    places = {name: np.arange(begin, end) for name, (begin, end) in facts["streams"][number].items()}
    tasks = [task for stream in streams for task in stream.tasks if task.name in part.tasks]
    corrupting = [task for task in tasks if kind_of(task).corrupts]
    corruption = Corruption(corrupting[0].name, kind_of(corrupting[0]).corrupt(corrupting[0])) if corrupting else None
    targets = {name: columns[name] for name in part.tasks if name in columns}
    return Table(part, columns[""], targets, places, corruption)


def _opened(path: Path, facts: Facts) -> DenseColumn | RaggedColumn:
    if "tokens" in facts:
        return StoredRaggedColumn(path, facts["rows"], facts["tokens"])
    return StoredDenseColumn(path, facts["dtype"], facts["shape"])
