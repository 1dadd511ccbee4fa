"""Where a training stands: what its callbacks share, and what a checkpoint keeps beside the variables."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Progress:
    """Where a training stands.

    Attributes:
        update: updates made.
        updates_per_epoch: of the plan.
        history: the logs of each finished epoch.
        best_score: the highest validation score so far.
        best_epoch: the epoch that had it, from 0; -1 before the first.
        task_best: for each task, its best validation metric and the epoch that had it.
        stopped_tasks: tasks whose loss weight has been set to zero.
        finished: whether training has ended.
    """

    update: int = 0
    updates_per_epoch: int = 1
    history: list[dict[str, float]] = field(default_factory=list)
    best_score: float = float("-inf")
    best_epoch: int = -1
    task_best: dict[str, list[float]] = field(default_factory=dict)
    stopped_tasks: list[str] = field(default_factory=list)
    finished: bool = False

    @property
    def epoch(self) -> int:
        """The epoch that the next update belongs to, from 0."""
        return self.update // self.updates_per_epoch

    @property
    def within_epoch(self) -> int:
        """Updates that this epoch has had already."""
        return self.update % self.updates_per_epoch

    def as_mapping(self) -> dict[str, Any]:
        """Returns plain values, such as a checkpoint keeps."""
        return asdict(self)
