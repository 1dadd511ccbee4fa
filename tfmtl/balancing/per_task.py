"""Options whose value is either one number for all tasks or a list with one number per task."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from tfmtl.core.errors import ConfigurationError

Finite = Annotated[float, Field(allow_inf_nan=False)]
PerTask = Finite | tuple[Finite, ...]
NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
NonNegativePerTask = NonNegative | tuple[NonNegative, ...]


def check_per_task(option: str, value: PerTask, tasks: Sequence[str]) -> None:
    """Raises `ConfigurationError` if `value` is a list whose length is not the number of tasks."""
    if isinstance(value, tuple) and len(value) != len(tasks):
        raise ConfigurationError(
            f"balancing.{option}: expected a number, or one for each of {len(tasks)} tasks, found {len(value)}"
        )
