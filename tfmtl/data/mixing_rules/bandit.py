"""Mixing by an adversarial bandit whose arms are the streams."""

import numpy as np
from pydantic import Field

from tfmtl.core.registry import MIXING_RULES, Options
from tfmtl.data.mixing_rule import Evidence, MixingRule

_LOW, _HIGH = 0.2, 0.8
"""The quantiles of all rewards so far that count as -1 and 1."""


class BanditOptions(Options):
    """How fast the bandit learns.

    Attributes:
        rate: the step of the log-weights; eta in the paper.
    """

    rate: float = Field(0.5, gt=0.0)


@MIXING_RULES.register("bandit", options=BanditOptions)
class Bandit(MixingRule):
    r"""An adversarial bandit, Exp3.S, whose reward is the fall of the validation loss (Graves et al. 2017, section 3).

    The arms are the streams; `mixing.floor` is the paper's :math:`\epsilon`. The paper draws one arm at a time and
    divides its reward by the arm's probability. An epoch draws all arms, so that the mean of these estimates over its
    draws is known: the share by which the loss of a stream has fallen, divided by the stream's rate. As in the paper,
    rewards are scaled to [-1, 1] by the quantiles 0.2 and 0.8 of all rewards so far; then, in the t-th of the epochs
    with a reward, with :math:`\alpha = 1 / (t + 1)`,

    .. math:: w_i \leftarrow \log[(1 - \alpha) e^{w_i + \eta r_i} + \frac{\alpha}{N - 1} \sum_{j \ne i} e^{w_j + \eta
        r_j}], \quad p \sim e^w.
    """

    options: BanditOptions

    def weights(self, evidence: Evidence) -> dict[str, float] | None:
        drops = evidence.drops()
        # A stream that lacks a reward in some epoch has no weight that could be compared with the others.
        arms = [stream for stream in evidence.start if all(stream in of_epoch for of_epoch in drops)]
        if not drops or not arms:
            return None
        # The reward of epoch e is that of the rates of epoch e; `drops` begins with the second epoch.
        rewards = np.array(
            [
                [of_epoch[arm] / max(rates[arm], 1e-6) for arm in arms]
                for of_epoch, rates in zip(drops, evidence.rates[1:], strict=False)
            ]
        )
        logs = np.zeros(len(arms))
        for t in range(1, len(rewards) + 1):
            logs = self._updated(logs, _scaled(rewards[t - 1], rewards[:t]), 1.0 / (t + 1))
        return dict(zip(arms, np.exp(logs - logs.max()).tolist(), strict=True))

    def _updated(self, logs: np.ndarray, rewards: np.ndarray, shared: float) -> np.ndarray:
        raised = np.exp(logs + self.options.rate * rewards - logs.max())
        others = (raised.sum() - raised) / max(len(raised) - 1, 1)
        return np.log((1.0 - shared) * raised + shared * others) + logs.max()


def _scaled(rewards: np.ndarray, so_far: np.ndarray) -> np.ndarray:
    """Returns rewards on a scale on which the low quantile of all rewards so far is -1 and the high one is 1."""
    low, high = np.quantile(so_far, [_LOW, _HIGH])
    if high == low:
        return np.zeros_like(rewards)
    return np.clip(2.0 * (rewards - low) / (high - low) - 1.0, -1.0, 1.0)
