"""A weighted sum with weights that do not change."""

from typing import Annotated

from pydantic import Field

from tfmtl.errors import ConfigurationError, nearest
from tfmtl.registry import BALANCING, Options


class FixedOptions(Options):
    """Options of fixed weights.

    Attributes:
        weights: of each task's loss; a task that is not named has 1.
    """

    weights: dict[str, Annotated[float, Field(ge=0.0, allow_inf_nan=False)]] = Field(default_factory=dict)


@BALANCING.register("fixed", options=FixedOptions)
class Fixed:
    """The sum of the tasks' losses, each times its weight; weights of one are the standing baseline.

    Kurin et al. 2022 and Xin et al. 2022 find it level with specialised methods once it is tuned.
    """

    def __init__(self, options: FixedOptions):
        self.options = options

    def initial_weights(self, tasks: list[str]) -> list[float]:
        """Returns a weight for each task, in order; raises `ConfigurationError` where a weight names no task."""
        for name in self.options.weights:
            if name not in tasks:
                raise ConfigurationError(f"balancing.weights: unknown task '{name}'; {nearest(name, tasks)}")
        return [self.options.weights.get(task, 1.0) for task in tasks]
