"""Progressive layered extraction (Tang et al. 2020)."""

import keras
from pydantic import Field

from tfmtl.core.registry import SHARING, Options
from tfmtl.models.layers.experts import Expert, Gate
from tfmtl.models.sharing.behind import SharingBehind
from tfmtl.models.trunk import States


class PLEOptions(Options):
    """Options of progressive layered extraction.

    Attributes:
        levels: the number of successive extraction networks; a single one is customized gate control (CGC).
        shared_experts: the number of experts that all tasks share, in each level.
        task_experts: the number of experts of each task alone, in each level.
        expert_width: the width of each expert's hidden layer.
        dropout: the dropout rate of each expert's output.
    """

    levels: int = Field(2, ge=1)
    shared_experts: int = Field(2, ge=1)
    task_experts: int = Field(1, ge=1)
    expert_width: int = Field(256, ge=1)
    dropout: float = Field(0.0, ge=0.0, lt=1.0)


@SHARING.register("ple", options=PLEOptions)
@keras.saving.register_keras_serializable("tfmtl")
class PLESharing(SharingBehind):
    r"""Levels of shared experts and of each task's own experts after the trunk; a text is read once.

    In each level a task's gate mixes its own experts and the shared ones; a gate of the shared part mixes all of them,
    and the outputs of the gates are the inputs of the next level (sections 4.2 and 4.3, equations 5 and 6). The last
    level has no gate of the shared part. One task's experts reach another task only through the shared part.

    Differences from the paper: experts are applied at each position of a text, and gates read the mean over the
    positions; the gates start with equal shares. A causal trunk writes continuations by itself: heads and copying read
    the experts, its layers do not.

    Args:
        **kwargs: the arguments of `SharingScheme`, and `PLEOptions`.
    """

    options_class = PLEOptions

    def build_views(self, hidden: int) -> None:
        levels, own, shared = self.options.levels, self.options.task_experts, self.options.shared_experts
        self.shared_experts = [self._experts(f"level_{i}_shared", shared, hidden) for i in range(levels)]
        self.task_experts = [
            {task: self._experts(f"level_{i}_{task}", own, hidden) for task in self.tasks} for i in range(levels)
        ]
        self.task_gates = [
            {task: self._gate(f"level_{i}_{task}_gate", own + shared, hidden) for task in self.tasks}
            for i in range(levels)
        ]
        everyone = len(self.tasks) * own + shared
        self.shared_gates = [self._gate(f"level_{i}_shared_gate", everyone, hidden) for i in range(levels - 1)]

    def _experts(self, name: str, count: int, hidden: int) -> list[Expert]:
        options, policy = self.options, self.dtype_policy
        experts = [
            Expert(options.expert_width, options.dropout, name=f"{name}_expert_{i}", dtype=policy) for i in range(count)
        ]
        for expert in experts:
            expert.build((None, None, hidden))
        return experts

    def _gate(self, name: str, experts: int, hidden: int) -> Gate:
        gate = Gate(experts, name=name, dtype=self.dtype_policy)
        gate.build((None, None, hidden))
        return gate

    def views(self, states: States, tokens, training=None) -> dict[str, States]:
        of_tasks, of_all = dict.fromkeys(self.tasks, states.last), states.last
        for level in range(self.options.levels):
            shared = [expert(of_all, training=training) for expert in self.shared_experts[level]]
            own = {
                task: [expert(of_tasks[task], training=training) for expert in experts]
                for task, experts in self.task_experts[level].items()
            }
            of_tasks = {
                task: self.task_gates[level][task](of_tasks[task], tokens, [*own[task], *shared]) for task in self.tasks
            }
            if level < len(self.shared_gates):
                everyone = [expert for task in self.tasks for expert in own[task]]
                of_all = self.shared_gates[level](of_all, tokens, [*everyone, *shared])
        return {task: states._replace(last=of_task) for task, of_task in of_tasks.items()}

    def own_variables(self, task: str) -> list[keras.Variable]:
        """Returns the variables that no other task reads: of the last level's experts, and of the gates around them."""
        layers = [*(gates[task] for gates in self.task_gates[-2:]), *self.task_experts[-1][task]]
        return [variable for layer in layers for variable in layer.trainable_variables]
