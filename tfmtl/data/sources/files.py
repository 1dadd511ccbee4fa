"""The common parts of the formats that read files: paths of splits, decoding, and places of rows."""

import codecs
import glob
import gzip
import io
import os
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator

from tfmtl.core.errors import DataError, missing_file, nearest
from tfmtl.data.rows import Rows, joined
from tfmtl.data.sources.source import SourceOptions

Paths = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]
"""A path, a glob, or a list of them."""

STANDARD_SPLITS = ("train", "validation", "test")


class FileOptions(SourceOptions):
    """The files of each split, for every format that reads files.

    Attributes:
        train: the files of the training split: a path, a glob or a list of them, relative to the working directory.
        validation: the files of the validation split, in the same form; cut from the training rows if absent.
        test: the files of the test split, in the same form; cut from the training rows if absent.
        splits: the files of further splits, by name, in the same form.
        encoding: the encoding of the files, such as `cp1252`, `latin-1` or `utf-16`.
        encoding_errors: the treatment of bytes that are not text in this encoding: `strict` raises an error, `replace`
            turns them into U+FFFD.
    """

    train: Paths = Field(min_length=1)
    validation: Paths | None = None
    test: Paths | None = None
    splits: dict[str, Paths] = Field(default_factory=dict)
    encoding: str = "utf-8"
    encoding_errors: Literal["strict", "replace"] = "strict"

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            # Python does not look up the encoding of nothing.
            b"a".decode(encoding, "ignore")
        except LookupError:
            known = ("utf-8", "utf-16", "cp1252", "latin-1", "mac-roman", "gb18030", "shift_jis", "euc-kr", "cp1251")
            raise ValueError(f"no such encoding; {nearest(encoding, known)}, and more of Python's") from None
        return encoding

    @field_validator("splits")
    @classmethod
    def _only_further_ones(cls, splits: dict[str, Paths]) -> dict[str, Paths]:
        for name in set(splits) & set(STANDARD_SPLITS):
            raise ValueError(f"'{name}' is a key of the source itself")
        return splits

    @property
    def paths(self) -> dict[str, Paths]:
        """The paths of each split that the source has, by the name of the split."""
        standard = {name: getattr(self, name) for name in STANDARD_SPLITS}
        return {name: paths for name, paths in {**standard, **self.splits}.items() if paths}


CHUNK = 8192
"""The maximum number of rows that are read at once where not all of them are held in memory."""

ENDINGS = frozenset({".csv", ".gz", ".json", ".jsonl", ".parquet", ".tsv", ".txt"})
"""What files of rows usually end in."""


class FileSource(ABC):
    """A source whose splits consist of files of one format.

    Attributes:
        endings: what names of such files end in, besides `.gz`; a source need not name its format then.
    """

    endings: ClassVar[tuple[str, ...]] = ()

    def __init__(self, options: FileOptions):
        self.options = options

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.options.paths)

    def read(self, split: str, fields: Sequence[str]) -> Rows:
        """Returns the columns `fields` of all files of a split."""
        return joined([self._read_nonempty(path, split, fields) for path in self.files(split)])

    def files(self, split: str) -> list[Path]:
        """Returns the files of a split, in the order of their rows."""
        return [path for pattern in self.options.paths[split] for path in expanded(pattern)]

    def chunks(self, split: str, fields: Sequence[str]) -> Iterator[Rows]:
        """Yields the rows that `read` returns, in the same order, some thousands at a time."""
        for path in self.files(split):
            rows = 0
            for chunk in self.file_chunks(path, split, fields):
                rows += len(chunk)
                yield chunk
            if not rows:
                raise DataError(f"{path}: the file has no rows")

    def _read_nonempty(self, path: Path, split: str, fields: Sequence[str]) -> Rows:
        rows = self.read_file(path, split, fields)
        if not len(rows):
            raise DataError(f"{path}: the file has no rows")
        return rows

    def read_file(self, path: Path, split: str, fields: Sequence[str]) -> Rows:
        """Returns the columns `fields` of one file of `split`."""
        chunks = list(self.file_chunks(path, split, fields))
        return joined(chunks) if chunks else Rows({field: [] for field in fields}, str)

    @abstractmethod
    def file_chunks(self, path: Path, split: str, fields: Sequence[str]) -> Iterator[Rows]:
        """Yields the columns `fields` of one file of `split`, at most `CHUNK` rows at a time."""


def expanded(pattern: str) -> list[Path]:
    """Returns the files that a path or glob names, sorted; raises `DataError` if there are none."""
    pattern = os.path.expanduser(pattern)
    if Path(pattern).is_file():
        return [Path(pattern)]
    if Path(pattern).is_dir():
        endings = sorted({path.suffix for path in Path(pattern).iterdir() if path.suffix in ENDINGS}) or [".jsonl"]
        raise DataError(f"{pattern}: this is a folder; name its files, such as {pattern.rstrip('/')}/*{endings[0]}")
    if Path(pattern).exists():
        raise DataError(f"{pattern}: this is not a regular file, but it is read more than once; write it to one")
    if glob.has_magic(pattern):
        found = sorted(path for path in map(Path, glob.glob(pattern, recursive=True)) if path.is_file())
        if not found:
            raise DataError(f"{pattern}: no file matches")
        return found
    raise DataError(missing_file(pattern))


def numbered_lines(path: Path, encoding_errors: str, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """Yields the number and text of each line of a file, unzipped if named `*.gz`; see `decoded_lines`."""
    open_bytes = gzip.open if path.suffix == ".gz" else open
    try:
        with open_bytes(path, "rb") as file:
            yield from decoded_lines(file, str(path), encoding_errors, encoding)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None


def decoded_lines(
    file: BinaryIO, place: str, encoding_errors: str, encoding: str = "utf-8"
) -> Iterator[tuple[int, str]]:
    """Yields the number, counted from 1, and the text of each line of bytes.

    Only a line feed ends a line, so that other line separators of Unicode stay in the text. A byte order mark is
    dropped, and so is the line feed, together with a carriage return before it.

    Args:
        file: a file that is open for reading bytes.
        place: the name of the file, for error messages.
        encoding_errors: `strict` or `replace`.
        encoding: the encoding of the bytes.
    """
    if codecs.lookup(encoding).name.startswith(_OF_WIDE_CHARACTERS):
        yield from _wide_lines(file, place, encoding_errors, encoding)
        return
    for number, line in enumerate(file, start=1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            text = line.decode(encoding, encoding_errors)
        except UnicodeDecodeError as error:
            byte = f"byte 0x{error.object[error.start]:02x} after {error.start} bytes of the line"
            remedy = _remedy(error.object, encoding)
            raise DataError(f"{place}:{number}: invalid {encoding.upper()}, {byte}; {remedy}") from None
        yield number, text.removesuffix("\n").removesuffix("\r")


_OF_WIDE_CHARACTERS = ("utf-16", "utf-32")


def _wide_lines(file: BinaryIO, place: str, encoding_errors: str, encoding: str) -> Iterator[tuple[int, str]]:
    """Yields the lines of an encoding in which a line feed has several bytes."""
    lines = enumerate(io.TextIOWrapper(file, encoding, encoding_errors, newline="\n"), start=1)
    try:
        for number, text in lines:
            yield number, text.removesuffix("\n").removesuffix("\r")
    except UnicodeError as error:
        raise DataError(f"{place}: invalid {encoding.upper()}: {error}") from None


def _remedy(line: bytes, encoding: str) -> str:
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "the file looks like UTF-16, which 'encoding: utf-16' reads"
    windows = "'encoding: cp1252' reads files of Western Windows, " if encoding == "utf-8" else ""
    return f"{windows}'encoding_errors: replace' (predict: '--encoding-errors replace') replaces what is invalid"


def rows_of(path: Path, columns: dict[str, list[Any]], lines: Sequence[int]) -> Rows:
    """Returns the rows of one file; `lines[i]` is the line number of row `i`."""
    return Rows(columns, lambda row: f"{path}:{lines[row]}")
