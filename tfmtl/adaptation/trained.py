"""Trains layers of a model on few rows, by the usual update but without validation, checkpoints or a folder."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import keras
from pydantic import Field, PositiveFloat

from tfmtl.adaptation.method import Start
from tfmtl.config.adaptation import AdaptationOptions
from tfmtl.config.experiment import Experiment, parse
from tfmtl.data.batches import batches
from tfmtl.data.plan import plan_training
from tfmtl.data.streams import Examples, Stream
from tfmtl.data.tables import Table, build_tables
from tfmtl.kinds.kind import HeadContext, kind_of
from tfmtl.kinds.task import Task
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.models.network import Network
from tfmtl.training.prepared_data import TrainingData
from tfmtl.training.train import compile_update


class TrainedOptions(AdaptationOptions):
    """Options of methods that train.

    Attributes:
        updates: the number of updates, at least; the last pass over the rows is always whole.
        batch_size: the number of rows per update.
        learning_rate: the peak of the learning rate, which rises over a tenth of the updates and falls to zero.
        weight_decay: the decoupled weight decay.
    """

    updates: int = Field(200, ge=1)
    batch_size: int = Field(16, ge=1)
    learning_rate: PositiveFloat = 1e-2
    weight_decay: float = Field(0.01, ge=0.0)


def training_data(
    experiment: Experiment, start: Start, tasks: Mapping[str, Task], rows: Mapping[str, Examples]
) -> TrainingData:
    """Returns the rows of tasks with the plan of all batches; each task reads its own rows."""
    streams = [Stream(name, (task,), {"train": rows[name]}) for name, task in tasks.items()]
    tables = build_tables(streams, "train", start.reader.tokenizer, start.reader.packing)
    options = experiment.training
    plan = plan_training(tables, experiment.mixing, options.epochs, options.batch_size, 1, options.seed, [*tasks])
    return TrainingData(streams, dict(tasks), start.reader.tokenizer, tables, plan, [], plan)


def training_experiment(
    start: Start, tasks: Mapping[str, Task], rows: Mapping[str, Examples], options: TrainedOptions
) -> Experiment:
    """Returns the experiment that trains the new tasks alone on one device."""
    values = start.experiment.as_mapping()
    passes_over = sum(len(of_task) for of_task in rows.values())
    training = {
        "epochs": -(-options.updates // -(-passes_over // options.batch_size)),
        "batch_size": options.batch_size,
        "learning_rate": options.learning_rate,
        "weight_decay": options.weight_decay,
        "precision": values["training"]["precision"],
        "strategy": "none",
        "seed": options.seed,
    }
    experiment = parse({**values, "balancing": "fixed", "mixing": "proportional", "training": training, "adapted": []})
    return experiment.model_copy(update={"tasks": dict(tasks)})


def new_heads(start: Start, tasks: Mapping[str, Task], tables: Sequence[Table]) -> dict[str, keras.layers.Layer]:
    """Returns new heads for tasks, not built yet, as a new training would have them."""
    trunk, options = start.reader.model.network.layers.sharing.trunk, start.experiment.model
    columns = {name: column for table in tables for name, column in table.targets.items()}
    return {name: kind_of(task).head(task, HeadContext(trunk, options, columns[name])) for name, task in tasks.items()}


def train_alone(model: MultiTaskModel, experiment: Experiment, data: TrainingData) -> None:
    """Trains what is trainable in a model on the tasks of the data alone; other heads take no part.

    Args:
        model: the model, in which whatever should not be trained is frozen.
        experiment: the experiment of the training.
        data: the rows and the plan of the batches.
    """
    layers = model.network.layers
    heads = {name: layers.heads[name] for name in data.tasks}
    alone = replace(layers, heads=heads, common_heads={}, decoders={}, linear_experts=None)
    part = MultiTaskModel.of(Network(alone, {}), data.slices)
    compile_update(part, experiment, data)
    part.fit(batches(data.tables, data.plan), epochs=1, steps_per_epoch=data.plan.updates, shuffle=False, verbose=0)


def freeze_all_but_own_trunk(model: MultiTaskModel) -> None:
    """Freezes the embedding and whatever is shared; what the newest own trunk trains by itself stays trainable."""
    layers = model.network.layers
    own = [variable for variable in layers.sharing.own_trunks[-1].trainable_variables]
    for variable in (*layers.embedding.variables, *layers.sharing.variables):
        variable.trainable = False
    for variable in own:
        variable.trainable = True


def seed_layers(seed: int) -> None:
    """Seeds the weights of layers that are made next."""
    # Keras draws its seeds from this generator; see `tfmtl.training.train`.
    random.seed(seed)
