"""Parquet files, as pandas, Spark and databases write them."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow
import pyarrow.parquet

from tfmtl.core.errors import DataError
from tfmtl.core.registry import SOURCES
from tfmtl.core.values import plain
from tfmtl.data.rows import Rows
from tfmtl.data.sources.files import FileOptions, FileSource
from tfmtl.data.sources.source import require_fields


@SOURCES.register("parquet", options=FileOptions)
class ParquetSource(FileSource):
    """Parquet files; dates and times are texts."""

    endings = (".parquet",)

    def read_file(self, path: Path, split: str, fields: Sequence[str]) -> Rows:
        try:
            names = pyarrow.parquet.read_schema(path).names
            require_fields(fields, names, str(path))
            table = pyarrow.parquet.read_table(path, columns=list(fields))
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"{path}: not a Parquet file that can be read: {' '.join(str(error).split())}") from None
        columns = {field: [plain(value) for value in table[field].to_pylist()] for field in fields}
        return Rows(columns, lambda row: f"{path}: row {row + 1}")
