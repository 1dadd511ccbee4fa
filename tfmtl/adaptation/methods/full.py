"""A copy of the trunk, fine-tuned for the new tasks alone, with a new head for each."""

from collections.abc import Mapping

from pydantic import PositiveFloat

from tfmtl.adaptation.method import Learned, Start
from tfmtl.adaptation.methods.head import Head, HeadOptions
from tfmtl.adaptation.trained import (
    freeze_all_but_own_trunk,
    new_heads,
    seed_layers,
    train_alone,
    training_data,
    training_experiment,
)
from tfmtl.core.registry import ADAPTATION
from tfmtl.data.streams import Examples
from tfmtl.kinds.task import Task
from tfmtl.models.added_heads import with_heads


class FullOptions(HeadOptions):
    """Options of fine-tuning: those of a new head, with the learning rate of a trunk."""

    learning_rate: PositiveFloat = 1e-4


@ADAPTATION.register("full", options=FullOptions)
class Full(Head):
    """A copy of the whole trunk fine-tuned for the new tasks, with new heads; reads a text once more."""

    options: FullOptions

    def learn(self, start: Start, tasks: Mapping[str, Task], rows: Mapping[str, Examples]) -> Learned:
        experiment = training_experiment(start, tasks, rows, self.options)
        data = training_data(experiment, start, tasks, rows)
        seed_layers(self.options.seed)
        trained = with_heads(start.reader.model, new_heads(start, tasks, data.tables), own_trunk=True)
        layers = trained.network.layers
        self.begin(start, {name: layers.heads[name] for name in tasks})
        freeze_all_but_own_trunk(trained)
        train_alone(trained, experiment, data)
        # In a model that was not trained, nothing is frozen but what was.
        model = with_heads(start.reader.model, new_heads(start, tasks, data.tables), own_trunk=True)
        for name in tasks:
            model.network.layers.heads[name].set_weights(layers.heads[name].get_weights())
        model.network.layers.sharing.own_trunks[-1].set_weights(layers.sharing.own_trunks[-1].get_weights())
        return Learned(model, {name: {"rows": len(rows[name]), "updates": data.plan.updates} for name in tasks})
