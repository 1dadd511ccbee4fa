"""The progress of a training, which its callbacks share and a checkpoint keeps along with the variables."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from tfmtl.core.descriptions import first_wrong
from tfmtl.core.errors import RunError, nearest


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

    @classmethod
    def of(cls, state: Mapping[str, Any], place: object) -> Self:
        """Returns the progress that a checkpoint has kept.

        Args:
            state: what `as_mapping` has returned, from JSON.
            place: where it is kept, for the error.

        Raises:
            RunError: if it is damaged: a value is not there, unknown, or of another type.
        """
        names = cls().as_mapping().keys()
        for name in sorted(state.keys() - names):
            raise RunError(f"{place}: damaged: a training has no '{name[:40]}'; {nearest(name[:40], names)}")
        for name in sorted(names - state.keys() - _LATER):
            raise RunError(f"{place}: damaged: there is no '{name}' in the state of its training")
        try:
            # Only JSON is checked for the very types; values stay as they are, whole numbers among them.
            TypeAdapter(cls).validate_json(json.dumps(state), strict=True)
        except ValidationError as error:
            raise RunError(f"{place}: damaged: the state of its training: {first_wrong(error)}") from None
        return cls(**state)

    def misfit(
        self, updates: int, updates_per_epoch: int, tasks: Collection[str], streams: Collection[str]
    ) -> str | None:
        """Returns what of a checkpoint's progress cannot be that of a training; `None` if all of it can.

        Args:
            updates: the number of updates of the whole training.
            updates_per_epoch: the number of updates of an epoch.
            tasks: the names of its tasks.
            streams: the names of the streams whose rates follow from what is learned; none if mixing is not dynamic.
        """
        # A training without epochs is validated, and finished, without an update.
        epochs = self.update // updates_per_epoch if self.update else int(self.finished)
        possible = {
            "update": 0 <= self.update <= updates,
            "updates_per_epoch": self.updates_per_epoch == updates_per_epoch,
            "history": len(self.history) == epochs,
            "best_epoch": -1 <= self.best_epoch <= epochs,
            "task_best": self.task_best.keys() <= set(tasks)
            and all(len(best) == 3 for best in self.task_best.values()),
            "stopped_tasks": set(self.stopped_tasks) <= set(tasks),
            "rates": self._may_have_rates(epochs, streams),
        }
        return next(
            (f"{name}: {str(getattr(self, name))[:40]}" for name, may_be in possible.items() if not may_be), None
        )

    def _may_have_rates(self, epochs: int, streams: Collection[str]) -> bool:
        if not streams:
            return not self.rates
        known = all(rates.keys() == set(streams) for rates in self.rates)
        return (
            known
            and epochs <= len(self.rates) <= epochs + 1
            and all(0 <= r <= 1 for of in self.rates for r in of.values())
        )


_LATER = frozenset({"rates"})
"""What the checkpoints of earlier versions do not have."""
