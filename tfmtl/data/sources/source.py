"""The interface of a source, whatever its format."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

from pydantic import Field, PositiveInt, field_validator

from tfmtl.core.errors import DataError, MissingColumnError
from tfmtl.core.registry import Options
from tfmtl.data.rows import Rows


class Shots(Options):
    """A few rows of each class of the training split.

    Attributes:
        rows: the maximum number of rows of each class; of a task without classes, of all its rows.
        seed: the seed that draws them.
    """

    rows: int = Field(ge=1)
    seed: int = Field(0, ge=0)


class SourceOptions(Options):
    """The options that all sources have.

    Attributes:
        empty_text: the treatment of a row whose text is empty: `error` raises, `skip` leaves the row out.
        limit: the maximum number of rows of the training split, or of each split by its name; none if absent. See
            `tfmtl.data.splits.limited`.
        shots: only so many rows of each class of the training split, drawn by a seed; all rows if absent. See
            `tfmtl.data.shots`.
        cut: whether a validation or test split that the source does not have is cut from its training split.
        missing: the texts that stand for a missing value; an empty text always does.
    """

    empty_text: Literal["error", "skip"] = "error"
    limit: dict[str, PositiveInt] | None = None
    shots: Shots | None = None
    cut: bool = True
    missing: tuple[str, ...] = ()

    @property
    def stated_missing(self) -> tuple[str, ...] | None:
        """The texts that stand for a missing value; `None` if they are those of the format without being stated."""
        return None if self.missing == type(self).model_fields["missing"].default else self.missing

    @field_validator("shots", mode="before")
    @classmethod
    def _of_each_class(cls, shots: Any) -> Any:
        return {"rows": shots} if isinstance(shots, int) and not isinstance(shots, bool) else shots

    @field_validator("limit", mode="before")
    @classmethod
    def _of_training(cls, limit: Any) -> Any:
        if isinstance(limit, int) and not isinstance(limit, bool):
            return {"train": limit}
        if limit is not None and not isinstance(limit, Mapping):
            raise ValueError("expected a whole number, or one for each split")
        return limit


class Source(Protocol):
    """Provides the rows of each split; a format is a registered class in `data/sources/`, built from its options.

    Attributes:
        options: the options that it is built from.
    """

    options: SourceOptions

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the available splits."""

    def read(self, split: str, fields: Sequence[str]) -> Rows:
        """Returns the columns `fields` of a split; the order of the rows never changes.

        Raises:
            DataError: if a part of it does not exist or cannot be read.
        """


def require_fields(fields: Iterable[str], known: Iterable[str], place: str) -> None:
    """Checks that each of `fields` is the name of one column of `place`.

    Args:
        fields: the fields.
        known: the names of all columns.
        place: where the columns are, for the error.

    Raises:
        MissingColumnError: if one of them is not there.
        DataError: if two columns have its name.
    """
    known = list(known)
    for field in fields:
        if field not in known:
            raise MissingColumnError(place, field, known)
    check_single(fields, known, place)


def check_single(fields: Iterable[str], known: Sequence[str], place: str) -> None:
    """Raises `DataError` for the first of `fields` that several of the `known` columns of `place` are named."""
    for field in fields:
        if known.count(field) > 1:
            raise DataError(f"{place}: two columns are named '{field}'")
