"""Mixing by a curriculum over tasks: easy ones first, and the others once these are learned."""

from collections.abc import Mapping

import numpy as np
from pydantic import Field

from tfmtl.core.errors import ConfigurationError, nearest
from tfmtl.core.registry import MIXING_RULES, Options
from tfmtl.data.mixing_rule import Evidence, MixingRule, Values


class CurriculumOptions(Options):
    """The order of the tasks, and when the next ones begin.

    Attributes:
        order: groups of tasks, the first ones first; tasks that are not named begin with the first group.
        tolerance: the next group begins when the mean validation loss of the tasks so far has fallen by less than this
            share in an epoch.
        complete: the share of all epochs after which every group has begun, whatever the losses are.
    """

    order: list[list[str]] = Field(min_length=2)
    tolerance: float = Field(0.05, ge=0.0)
    complete: float = Field(0.5, gt=0.0, lt=1.0)


@MIXING_RULES.register("curriculum", options=CurriculumOptions)
class Curriculum(MixingRule):
    """A curriculum over tasks: each group joins those before it, as in "Baby Steps" (Spitkovsky et al. 2010).

    The tasks that have begun are drawn at the first rates, the others not at all; `floor` has no effect. Curricula over
    tasks: Bengio et al. 2009, Pentina et al. 2015.
    """

    options: CurriculumOptions
    keeps_floor = False

    def check(self, tasks, streams):
        place, groups = "mixing.rule.order", self.options.order
        for name in (name for group in groups for name in group):
            if name not in tasks:
                raise ConfigurationError(f"{place}: unknown task '{name}'; {nearest(name, tasks)}")
            if sum(group.count(name) for group in groups) > 1:
                raise ConfigurationError(f"{place}: the task '{name}' appears twice")
        if not all(groups):
            raise ConfigurationError(f"{place}: a group is empty")
        for members in streams.values():
            first = members[0]
            other = next((name for name in members if self._group(name) != self._group(first)), None)
            if other:
                raise ConfigurationError(
                    f"{place}: '{first}' and '{other}' are read from the same rows, so that they begin together"
                )

    def weights(self, evidence: Evidence) -> Mapping[str, float] | None:
        begun = self._groups_begun(evidence)
        weights = {s: evidence.start[s] * (self._group(tasks[0]) < begun) for s, tasks in evidence.tasks.items()}
        # A stage may train only tasks of later groups.
        return weights if any(weights.values()) else None

    def _group(self, task: str) -> int:
        return next((number for number, group in enumerate(self.options.order) if task in group), 0)

    def _groups_begun(self, evidence: Evidence) -> int:
        begun, groups, losses = 1, len(self.options.order), evidence.losses
        for epoch in range(1, len(losses) + 1):
            latest = self.options.complete * evidence.epochs * begun / (groups - 1)
            learned = epoch > 1 and self._have_learned(begun, losses[epoch - 2], losses[epoch - 1])
            begun += begun < groups and (learned or epoch >= latest)
        return begun

    def _have_learned(self, begun: int, before: Values, after: Values) -> bool:
        names = [name for name in after if self._group(name) < begun]
        first, last = (float(np.mean([losses[name] for name in names])) for losses in (before, after))
        return first - last < self.options.tolerance * first
