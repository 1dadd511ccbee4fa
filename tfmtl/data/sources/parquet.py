"""Parquet files, as pandas, Spark and databases write them."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow
import pyarrow.parquet

from tfmtl.core.errors import DataError
from tfmtl.core.registry import SOURCES
from tfmtl.core.values import plain
from tfmtl.data.rows import Rows
from tfmtl.data.sources.files import CHUNK, FileOptions, FileSource
from tfmtl.data.sources.source import require_fields


@SOURCES.register("parquet", options=FileOptions)
class ParquetSource(FileSource):
    """Parquet files; dates and times are texts."""

    endings = (".parquet",)

    def file_chunks(self, path: Path, split: str, fields: Sequence[str]) -> Iterator[Rows]:
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                require_fields(fields, file.schema_arrow.names, str(path))
                first = 0
                for batch in file.iter_batches(CHUNK, columns=list(fields)):
                    columns = {field: [plain(value) for value in batch[field].to_pylist()] for field in fields}
                    yield Rows(columns, _place(path, first))
                    first += len(batch)
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"{path}: not a Parquet file that can be read: {' '.join(str(error).split())}") from None


def _place(path: Path, first: int) -> Callable[[int], str]:
    return lambda row: f"{path}: row {first + row + 1}"
