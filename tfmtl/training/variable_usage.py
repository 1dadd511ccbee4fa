"""The variables from which each task's answer is computed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import keras
import tensorflow as tf

from tfmtl.models.network import network_output


@dataclass(frozen=True)
class VariableUsage:
    """The trainable variables of a model that each task reads, by position.

    Attributes:
        tasks: the positions of each task's variables.

    >>> usage = VariableUsage({"topic": frozenset({0, 1}), "stars": frozenset({0, 2})})
    >>> usage.shared, usage.own("stars")
    ([0], [2])
    """

    tasks: Mapping[str, frozenset[int]]

    @property
    def shared(self) -> list[int]:
        """The variables that two or more tasks use."""
        sets = list(self.tasks.values())
        return sorted({position for k, one in enumerate(sets) for other in sets[:k] for position in one & other})

    def among(self, tasks: Iterable[str]) -> "VariableUsage":
        """Returns the usage of some of the tasks."""
        return VariableUsage({task: self.tasks[task] for task in tasks})

    def own(self, task: str) -> list[int]:
        """Returns the variables that only this task uses."""
        return sorted(self.tasks[task].difference(*(read for name, read in self.tasks.items() if name != task)))


def variable_usage(model: keras.Model) -> VariableUsage:
    """Returns the variables that each task's answer depends on, in a functional model with dict inputs and outputs.

    They are found in the graph of one traced call, from each output back to the variables that it reads: whatever the
    layers do inside, two tasks share exactly the variables from which both of their answers are computed. Variables
    that the sharing scheme keeps from a task by a mask are left out, although they are in the graph of its answer.
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
    owner = _owners(model)
    return VariableUsage(
        {
            name: frozenset(place for place in _reads(output, reads) if owner.get(place, name) == name)
            for name, output in answers.items()
        }
    )


def _owners(model: keras.Model) -> dict[int, str]:
    """Returns the tasks that the sharing scheme of a model keeps variables for, by the positions of these."""
    layers = getattr(getattr(model, "network", None), "layers", None)
    if layers is None:
        return {}
    scheme = layers.sharing
    owner = {id(variable): task for task in scheme.tasks for variable in scheme.masked_variables(task)}
    return {place: owner[id(each)] for place, each in enumerate(model.trainable_variables) if id(each) in owner}


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
