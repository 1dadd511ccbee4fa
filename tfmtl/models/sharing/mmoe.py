"""Multi-gate mixture of experts (Ma et al. 2018)."""

import keras
from pydantic import Field

from tfmtl.core.registry import SHARING, Options
from tfmtl.models.layers.experts import Expert, Gate
from tfmtl.models.sharing.behind import SharingBehind
from tfmtl.models.trunk import States


class MMoEOptions(Options):
    """Options of the mixture of experts.

    Attributes:
        experts: the number of experts.
        expert_width: the width of each expert's hidden layer.
        dropout: the dropout rate of each expert's output.
    """

    experts: int = Field(4, ge=1)
    expert_width: int = Field(256, ge=1)
    dropout: float = Field(0.0, ge=0.0, lt=1.0)


@SHARING.register("mmoe", options=MMoEOptions)
@keras.saving.register_keras_serializable("tfmtl")
class MMoESharing(SharingBehind):
    r"""Experts after the trunk, which each task mixes with a gate of its own; a text is read once.

    :math:`f^k(x) = \sum_i g^k(x)_i f_i(x)` with :math:`g^k(x) = \operatorname{softmax}(W_{gk} x)` (equations 6 and 7).

    Differences from the paper: x is the sequence of a text's states, so that an expert is applied at each position, and
    the gate reads the mean over the positions; the gates start with equal shares. A causal trunk writes continuations
    by itself: heads and copying read the experts, its layers do not.

    Args:
        **kwargs: the arguments of `SharingScheme`, and `MMoEOptions`.
    """

    options_class = MMoEOptions

    def build_views(self, hidden: int) -> None:
        options, policy, shape = self.options, self.dtype_policy, (None, None, hidden)
        self.experts = [
            Expert(options.expert_width, options.dropout, name=f"expert_{i}", dtype=policy)
            for i in range(options.experts)
        ]
        self.gates = {task: Gate(options.experts, name=f"{task}_gate", dtype=policy) for task in self.tasks}
        for layer in (*self.experts, *self.gates.values()):
            layer.build(shape)

    def views(self, states: States, tokens, training=None) -> dict[str, States]:
        made = [expert(states.last, training=training) for expert in self.experts]
        return {task: states._replace(last=gate(states.last, tokens, made)) for task, gate in self.gates.items()}

    def own_variables(self, task: str) -> list[keras.Variable]:
        return self.gates[task].trainable_variables
