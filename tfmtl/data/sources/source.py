"""What every source has, whatever its format."""

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

from tfmtl.core.errors import DataError, nearest
from tfmtl.core.registry import Options
from tfmtl.data.rows import Rows


class SourceOptions(Options):
    """Options of every source.

    Attributes:
        empty_text: whether a row whose text is empty is an error or is skipped.
    """

    empty_text: Literal["error", "skip"] = "error"


class Source(Protocol):
    """Where examples come from; a format is a class in `data/sources/`, built from its options and registered."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits there are."""

    def read(self, split: str, fields: Sequence[str]) -> Rows:
        """Returns the columns `fields` of a split, in an order that never changes.

        Raises:
            DataError: where something of it is not there or cannot be read.
        """


def require_fields(fields: Iterable[str], known: Iterable[str], place: str) -> None:
    """Raises `DataError` for the first of `fields` that is not among the `known` columns of `place`."""
    known = list(known)
    for field in fields:
        if field not in known:
            raise DataError(f"{place}: there is no column '{field}'; {nearest(field, known)}")
