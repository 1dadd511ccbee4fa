"""The interface of rules that choose the rates of streams while a model learns."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tfmtl.core.registry import MIXING_RULES, Options
from tfmtl.core.validation import Choice
from tfmtl.kinds.task import Task

_DECIMALS = 4

Values = Mapping[str, float]


@dataclass(frozen=True)
class Evidence:
    """What a training has recorded at the end of an epoch; rules read nothing else, so that a run can resume.

    Attributes:
        tasks: the names of the tasks that are trained, by the stream that they read.
        start: the rate of each stream before anything is known.
        epochs: the number of epochs of the whole training.
        rates: the rate of each stream in every epoch so far.
        losses: the validation loss of each task after every epoch so far, without its weight.
        scores: the primary validation metric of each task, likewise; empty if the rule does not read scores.
    """

    tasks: Mapping[str, Sequence[str]]
    start: Values
    epochs: int
    rates: Sequence[Values]
    losses: Sequence[Values]
    scores: Sequence[Values] = ()

    def by_stream(self, of_tasks: Values) -> dict[str, float]:
        """Returns the mean over the tasks of each stream; a stream is left out if none of its tasks has a value."""
        found = {
            stream: [of_tasks[task] for task in tasks if task in of_tasks and np.isfinite(of_tasks[task])]
            for stream, tasks in self.tasks.items()
        }
        return {stream: float(np.mean(values)) for stream, values in found.items() if values}

    def drops(self) -> list[dict[str, float]]:
        """Returns by which share the loss of each stream fell in each epoch but the first; negative if it rose."""
        found = []
        for before, after in zip(self.losses, self.losses[1:], strict=False):
            # A task without validation rows has a loss of zero.
            known = [task for task in after if before.get(task, 0.0) > 0.0]
            found.append(self.by_stream({task: (before[task] - after[task]) / before[task] for task in known}))
        return found


class MixingRule(ABC):
    """Chooses the rates of an epoch from what is recorded of the epochs before it.

    Args:
        options: the options of the rule.

    Attributes:
        reads_scores: whether it reads validation metrics, and not only losses.
        keeps_floor: whether every stream keeps a share of its first rate (`mixing.floor`).
    """

    reads_scores: ClassVar[bool] = False
    keeps_floor: ClassVar[bool] = True

    def __init__(self, options: Options):
        self.options = options

    def check(self, tasks: Mapping[str, Task], streams: Mapping[str, Sequence[str]]) -> None:  # noqa: B027 - optional
        """Checks that the options fit the tasks.

        Args:
            tasks: the tasks of the experiment, by name.
            streams: the names of the tasks of each stream.

        Raises:
            UserError: if they do not.
        """

    @abstractmethod
    def weights(self, evidence: Evidence) -> Values | None:
        """Returns weights of streams, not negative, to which their rates are proportional.

        A stream that is left out has the mean weight of the others. `None`, or weights that are all zero, means that
        there is nothing to go by yet, so that the rates are the first ones.
        """


def rates_of(rule: MixingRule, evidence: Evidence, floor: float) -> dict[str, float]:
    """Returns the rates of the next epoch, which sum to 1.

    Args:
        rule: the rule.
        evidence: what is recorded of the epochs so far.
        floor: the share of the rows that is drawn at the first rates, whatever the rule says.

    Raises:
        ValueError: if the rule gives a weight that is negative or not finite.
    """
    weights = rule.weights(evidence)
    known = np.array(list((weights or {}).values()), np.float64)
    if not (np.isfinite(known).all() and (known >= 0).all()):
        raise ValueError(f"{type(rule).__name__}: weights must be finite and not negative, found {weights}")
    if not known.any():
        return dict(evidence.start)
    filled = np.array([weights.get(stream, known.mean()) for stream in evidence.start])
    start = np.array(list(evidence.start.values()))
    share = floor if rule.keeps_floor else 0.0
    # Another number of replicas adds up losses in another order; what is rounded away seldom changes a plan.
    rates = np.round((1.0 - share) * filled / filled.sum() + share * start, _DECIMALS)
    return dict(zip(evidence.start, (rates / rates.sum()).tolist(), strict=True))


def rule_of(mixing: Choice) -> MixingRule | None:
    """Returns the rule that chooses rates while a model learns; `None` if a schedule knows them before."""
    choice = getattr(mixing.options, "rule", None)
    return None if choice is None else MIXING_RULES.get(choice.name).build(choice.options)


def check_mixing(mixing: Choice, tasks: Mapping[str, Task], streams: Mapping[str, Sequence[str]]) -> None:
    """Checks that the rule of dynamic mixing fits the tasks, as `MixingRule.check` does.

    Raises:
        UserError: if it does not.
    """
    rule = rule_of(mixing)
    if rule is not None:
        rule.check(tasks, streams)
