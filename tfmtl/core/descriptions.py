"""Descriptions in files: JSON of which each part has the type that a class says."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from tfmtl.core.errors import RunError

_LONGEST = 200


class Described(BaseModel):
    """What a description in a file contains; a value of another type is an error, and further keys are ignored."""

    model_config = ConfigDict(frozen=True, strict=True)

    @classmethod
    def of(cls, value: Any, place: str) -> Self:
        """Returns the description that a value of JSON is.

        Args:
            value: the value.
            place: where it comes from, for the error.

        Raises:
            RunError: if it is damaged.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise RunError(f"{place}: damaged: {first_wrong(error)}") from None


def first_wrong(error: ValidationError) -> str:
    """Returns the first thing that is wrong, on one line, with its place."""
    first = error.errors()[0]
    return " ".join([*(f"{part}:" for part in first["loc"]), *first["msg"].split()])[:_LONGEST]
