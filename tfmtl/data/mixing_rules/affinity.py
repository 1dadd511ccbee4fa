"""Mixing by how much the steps of a task help the tasks that have most left to learn."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from tfmtl.core.errors import ConfigurationError, missing_file, nearest
from tfmtl.core.registry import MIXING_RULES, Options
from tfmtl.data.mixing_rule import Evidence, MixingRule
from tfmtl.kinds.task import answered

_PLACE = "mixing.rule.affinity"


class AffinityOptions(Options):
    """What was measured.

    Attributes:
        affinity: for each task, the affinity of its steps to each task; or the path of the `affinity.json` that `tfmtl
            affinity` has written, whose numbers the run's configuration then keeps.
    """

    affinity: dict[str, dict[str, float]] = Field(min_length=1)

    @field_validator("affinity", mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return _measured(Path(value).expanduser()) if isinstance(value, str) else value


def _measured(path: Path) -> dict[str, dict[str, float]]:
    """Returns the affinities in a file `affinity.json`; pairs of tasks that were never in one batch are left out."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = zip(found["tasks"], found["affinity"], strict=True)
        values = {name: dict(zip(found["tasks"], row, strict=True)) for name, row in rows}
        return {name: {other: z for other, z in row.items() if z is not None} for name, row in values.items()}
    except FileNotFoundError:
        raise ConfigurationError(f"{_PLACE}: {missing_file(path)}") from None
    except (OSError, KeyError, TypeError, ValueError):
        raise ConfigurationError(f"{_PLACE}: {path}: not an 'affinity.json' of 'tfmtl affinity'") from None


@MIXING_RULES.register("affinity", options=AffinityOptions)
class Affinity(MixingRule):
    r"""Measured affinity (Fifty et al. 2021): tasks are drawn whose steps help those that have most left to learn.

    :math:`p_i \sim \sum_j \max(0, Z_{i \to j}) L_j / L_j^{(1)}`, where Z is how much a step for task i lowers the loss
    of task j, and L the validation loss after the last epoch and after the first. The paper groups tasks by Z; what a
    task has left to learn is measured as in the loss-ratio weights of GradNorm (Chen et al. 2018, section 3.2).
    """

    options: AffinityOptions

    def check(self, tasks, streams):
        for name in {*self.options.affinity, *(other for row in self.options.affinity.values() for other in row)}:
            if name not in tasks:
                raise ConfigurationError(f"{_PLACE}: unknown task '{name}'; {nearest(name, tasks)}")
        missing = next((name for name in answered(tasks) if name not in self.options.affinity), None)
        if missing:
            raise ConfigurationError(f"{_PLACE}: '{missing}' is missing; measure the tasks of this experiment")

    def weights(self, evidence: Evidence) -> Mapping[str, float] | None:
        if not evidence.losses:
            return None
        first, newest = evidence.losses[0], evidence.losses[-1]
        left = {task: newest[task] / first[task] for task in newest if first.get(task, 0.0) > 0.0}
        return evidence.by_stream(
            {
                task: sum(max(0.0, z) * left[other] for other, z in row.items() if other in left)
                for task, row in self.options.affinity.items()
            }
        )
