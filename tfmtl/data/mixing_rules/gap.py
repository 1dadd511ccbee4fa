"""Mixing by what is missing to the score of a model that was trained for one task alone."""

from collections.abc import Mapping

from pydantic import Field

from tfmtl.core.errors import ConfigurationError, nearest
from tfmtl.core.registry import MIXING_RULES, Options
from tfmtl.data.mixing_rule import Evidence, MixingRule
from tfmtl.kinds.task import answered


class GapOptions(Options):
    """The scores to reach.

    Attributes:
        scores: for each task, the primary validation metric of a model that was trained for it alone.
    """

    scores: dict[str, float] = Field(min_length=1)


@MIXING_RULES.register("gap", options=GapOptions)
class Gap(MixingRule):
    r"""The gap to single-task scores: p ~ max(0, (S - s) / S), as in Gottumukkala et al. 2020, section 3.

    S is the score of a task's own model, s the primary validation metric after the last epoch. Tasks that have reached
    it are drawn at the floor; the first rates return once all of them have.
    """

    options: GapOptions
    reads_scores = True

    def check(self, tasks, streams):
        known = answered(tasks)
        for name, score in self.options.scores.items():
            if name not in known:
                raise ConfigurationError(f"mixing.rule.scores: unknown task '{name}'; {nearest(name, known)}")
            if score <= 0.0:
                raise ConfigurationError(f"mixing.rule.scores.{name}: expected a number above 0, found {score:g}")
        missing = next((name for name in known if name not in self.options.scores), None)
        if missing:
            raise ConfigurationError(f"mixing.rule.scores: '{missing}' is missing; name the score of every task")

    def weights(self, evidence: Evidence) -> Mapping[str, float] | None:
        if not evidence.scores:
            return None
        wanted, newest = self.options.scores, evidence.scores[-1]
        gaps = {task: max(0.0, (wanted[task] - newest[task]) / wanted[task]) for task in newest if task in wanted}
        return evidence.by_stream(gaps)
