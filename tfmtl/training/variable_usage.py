"""Which variables each task's answer is computed from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import keras
import tensorflow as tf

from tfmtl.models.network import network_output


@dataclass(frozen=True)
class VariableUsage:
    """Which of a model's trainable variables each task reads, by position.

    Attributes:
        tasks: the positions of each.

    >>> usage = VariableUsage({"topic": frozenset({0, 1}), "stars": frozenset({0, 2})})
    >>> usage.shared, usage.own("stars")
    ([0], [2])
    """

    tasks: Mapping[str, frozenset[int]]

    @property
    def shared(self) -> list[int]:
        """What two tasks or more usage."""
        sets = list(self.tasks.values())
        return sorted({position for k, one in enumerate(sets) for other in sets[:k] for position in one & other})

    def among(self, tasks: Iterable[str]) -> "VariableUsage":
        """Returns what some of the tasks usage."""
        return VariableUsage({task: self.tasks[task] for task in tasks})

    def own(self, task: str) -> list[int]:
        """What this task alone reaches."""
        return sorted(self.tasks[task].difference(*(read for name, read in self.tasks.items() if name != task)))


def variable_usage(model: keras.Model) -> VariableUsage:
    """Returns what each task's answer depends on, in a functional model with dict inputs and outputs.

    Found in the graph of one traced call, from each output back to the variables that it reads: whatever the layers
    do inside, two tasks share exactly what both of their answers are computed from.
    """
    signature = {name: tf.TensorSpec(tensor.shape, tensor.dtype, name) for name, tensor in model.input.items()}
    graph = tf.function(model, autograph=False).get_concrete_function(signature).graph
    positions = {
        id(handle): position
        for position, variable in enumerate(model.trainable_variables)
        for handle in _handles(variable.value)
    }
    reads = {inner.name: positions[id(outer)] for outer, inner in graph.captures if id(outer) in positions}
    networks = {network_output(name) for name in model.output}
    answers = {name: output for name, output in graph.structured_outputs.items() if name not in networks}
    return VariableUsage({name: frozenset(_reads(output, reads)) for name, output in answers.items()})


def _handles(variable: tf.Variable) -> list[tf.Tensor]:
    """The handle of a variable, or those of its copies on all local replicas."""
    return [copy.handle for copy in getattr(variable, "values", [variable])]


def _reads(output: tf.Tensor, reads: Mapping[str, int]) -> set[int]:
    found, seen, waiting = set(), {output.op.name}, [output.op]
    while waiting:
        for tensor in waiting.pop().inputs:
            if tensor.name in reads:
                found.add(reads[tensor.name])
            if tensor.op.name not in seen:
                seen.add(tensor.op.name)
                waiting.append(tensor.op)
    return found
