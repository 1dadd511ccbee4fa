"""The progress of a training, which its callbacks share and a checkpoint keeps along with the variables."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Progress:
    """The state of a training other than its variables.

    Attributes:
        update: the number of updates made.
        updates_per_epoch: the number of updates per epoch of the plan.
        history: the logs of each finished epoch.
        best_score: the highest validation score so far.
        best_loss: the validation loss of all tasks together in the epoch with the highest score.
        best_epoch: the epoch with the highest score, counted from 0; -1 before the first.
        task_best: for each task, its best validation metric, its loss then, and the epoch that reached them.
        stopped_tasks: the tasks whose loss weight has been set to zero.
        rates: the rate at which rows are drawn from each stream, in each epoch so far and in the one that has begun;
            empty unless mixing is dynamic.
        finished: whether training has ended.
    """

    update: int = 0
    updates_per_epoch: int = 1
    history: list[dict[str, float]] = field(default_factory=list)
    best_score: float = float("-inf")
    best_loss: float = float("inf")
    best_epoch: int = -1
    task_best: dict[str, list[float]] = field(default_factory=dict)
    stopped_tasks: list[str] = field(default_factory=list)
    rates: list[dict[str, float]] = field(default_factory=list)
    finished: bool = False

    @property
    def epoch(self) -> int:
        """The epoch to which the next update belongs, counted from 0."""
        return self.update // self.updates_per_epoch

    @property
    def within_epoch(self) -> int:
        """The number of updates already made in this epoch."""
        return self.update % self.updates_per_epoch

    def as_mapping(self) -> dict[str, Any]:
        """Returns plain values, which a checkpoint can keep."""
        return asdict(self)
