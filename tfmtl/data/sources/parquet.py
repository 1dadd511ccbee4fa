"""Parquet files, as pandas, Spark and databases write them."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow
import pyarrow.parquet

from tfmtl.core.errors import DataError
from tfmtl.core.registry import SOURCES
from tfmtl.data.arrow_values import values_of
from tfmtl.data.rows import Rows
from tfmtl.data.sources.files import CHUNK, FileOptions, FileSource
from tfmtl.data.sources.source import require_fields


@SOURCES.register("parquet", options=FileOptions)
class ParquetSource(FileSource):
    """Parquet files; dates and times are texts."""

    endings = (".parquet",)

    def file_chunks(self, path: Path, split: str, fields: Sequence[str]) -> Iterator[Rows]:
        first = 0
        for batch in batches_of(path, CHUNK, lambda names: require_fields(fields, names, str(path)), list(fields)):
            place = _place(path, first)
            yield Rows({field: values_of(batch[field], field, place) for field in fields}, place)
            first += len(batch)


def batches_of(
    path: Path, most: int, check: Callable[[list[str]], None], columns: list[str] | None = None
) -> Iterator[pyarrow.RecordBatch]:
    """Yields the rows of a Parquet file.

    Args:
        path: the file.
        most: the maximum number of rows in a batch.
        check: raises an error if the names of the columns, which it is given first, cannot be used.
        columns: the names of the columns that are read; `None` means all of them.

    Raises:
        DataError: if the file cannot be read, when this is reached.
    """
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            check(file.schema_arrow.names)
            yield from file.iter_batches(most, columns=columns)
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DataError(f"{path}: not a Parquet file that can be read: {' '.join(str(error).split())}") from None


def _place(path: Path, first: int) -> Callable[[int], str]:
    return lambda row: f"{path}: row {first + row + 1}"
