"""Mixing by learning progress: tasks are drawn while they are learned, and again when they are being forgotten."""

import math

from pydantic import Field

from tfmtl.core.registry import MIXING_RULES, Options
from tfmtl.data.mixing_rule import Evidence, MixingRule


class ProgressOptions(Options):
    """How progress becomes rates.

    Attributes:
        smoothing: the share of the newest epoch in the average of a task's progress; the learning rate in the paper.
        temperature: small values draw only from the tasks with the most progress, large ones from all alike.
    """

    smoothing: float = Field(0.5, gt=0.0, le=1.0)
    temperature: float = Field(0.5, gt=0.0)


@MIXING_RULES.register("progress", options=ProgressOptions)
class Progress(MixingRule):
    r"""Learning progress: the speed at which validation losses change (Matiisen et al. 2020, the online algorithm).

    With :math:`r` the share by which a task's validation loss has fallen in an epoch, :math:`Q \leftarrow a |r| + (1 -
    a) Q`, and rates are :math:`p \sim \exp(Q / \tau)`. The absolute value draws tasks that are being forgotten. Losses
    of tasks have different scales, so that Q is divided by the largest one.
    """

    options: ProgressOptions

    def weights(self, evidence: Evidence) -> dict[str, float] | None:
        average: dict[str, float] = {}
        share = self.options.smoothing
        for drops in evidence.drops():
            for stream, drop in drops.items():
                average[stream] = share * abs(drop) + (1.0 - share) * average.get(stream, abs(drop))
        largest = max(average.values(), default=0.0)
        if not largest:
            return None
        return {stream: math.exp((q / largest - 1.0) / self.options.temperature) for stream, q in average.items()}
