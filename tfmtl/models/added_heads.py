"""Gives a trained model further heads; whatever it had keeps its weights, and so its answers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import keras

from tfmtl.data.tables import Slice
from tfmtl.models.layers.solved_head import ExtendedHead, SolvedHead
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.models.network import Layers, Network
from tfmtl.models.saved_layers import layer_config, layer_of
from tfmtl.models.sharing.scheme import SharingScheme
from tfmtl.models.trunk import Trunk


def with_heads(
    model: MultiTaskModel, heads: Mapping[str, keras.layers.Layer], own_trunk: bool = False
) -> MultiTaskModel:
    """Returns a copy of a model with further heads.

    A task that the model does not have reads the states that all tasks share, as they come from the trunk. For a task
    that it has, the new head is an `ExtendedHead`, which contains the old one.

    Args:
        model: the model, which is not changed.
        heads: the heads by the names of their tasks, not built yet.
        own_trunk: whether added tasks read a copy of the trunk, which can be changed for them alone; a text is then
            read once more.
    """
    network = model.network
    layers = Layers.from_config(network.layers.as_config())
    added = [name for name in heads if name not in layers.heads]
    if own_trunk:
        layers.sharing.add_trunk(_copied_trunk(network.layers.sharing), added)
    else:
        layers.sharing.added = [*layers.sharing.added, *added]
    layers = replace(layers, heads={**layers.heads, **heads})
    copied = Network(layers, network.decoder_of, network.instructions)
    copy = MultiTaskModel.of(copied, _with_tasks(model.slices, added))
    copy.options = model.options
    for name, head in network.layers.heads.items():
        new = heads[name].old if name in heads else layers.heads[name]
        new.set_weights(head.get_weights())
    _copy_rest(network.layers, layers)
    if own_trunk:
        layers.sharing.own_trunks[-1].set_weights(network.layers.sharing.trunk.get_weights())
    return copy


def extended_head(model: MultiTaskModel, task: str, classes: int, solved: SolvedHead) -> ExtendedHead:
    """Returns a head, not built yet, that has the classes of a task's head and behind them those of a solved one.

    Args:
        model: the model that answers the task.
        task: the name of the task.
        classes: the number of classes that it has.
        solved: the head that scores these classes and the new ones.
    """
    config = layer_config(model.network.layers.heads[task])
    config["config"] = {**config["config"], "name": "old"}
    return ExtendedHead(config, solved, classes, name=task, dtype="float32")


def _with_tasks(slices: Sequence[Slice], added: Sequence[str]) -> list[Slice]:
    """Returns the slices with further tasks in one of them: the one without a decoder, if there is any."""
    chosen = next((number for number, part in enumerate(slices) if not part.generated), 0)
    return [
        replace(part, heads=(*part.heads, *added)) if number == chosen else part for number, part in enumerate(slices)
    ]


def _copied_trunk(scheme: SharingScheme) -> Trunk:
    config = layer_config(scheme.trunk)
    return layer_of({**config, "config": {**config["config"], "name": f"own_trunk_{len(scheme.own_trunks)}"}})


def _copy_rest(old: Layers, new: Layers) -> None:
    """Copies the weights of all layers but the heads of tasks."""
    pairs = [(old.embedding, new.embedding), (old.sharing.trunk, new.sharing.trunk)]
    pairs += zip(old.sharing.own_trunks, new.sharing.own_trunks, strict=False)
    for before, after in ((old.common_heads, new.common_heads), (old.decoders, new.decoders)):
        pairs += [(layer, after[name]) for name, layer in before.items()]
    if old.linear_experts is not None:
        pairs.append((old.linear_experts, new.linear_experts))
    for before, after in pairs:
        after.set_weights(before.get_weights())
    for before, after in zip(_behind_trunks(old.sharing), _behind_trunks(new.sharing), strict=True):
        after.assign(before)


def _behind_trunks(scheme: SharingScheme) -> list[keras.Variable]:
    """Returns the weights of a scheme that are no trunk's."""
    in_trunks = {id(weight) for trunk in (scheme.trunk, *scheme.own_trunks) for weight in trunk.weights}
    return [weight for weight in scheme.weights if id(weight) not in in_trunks]
