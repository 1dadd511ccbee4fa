"""A new head, trained on the states of the frozen trunk."""

from collections.abc import Mapping

import keras

from tfmtl.adaptation.method import AdaptationMethod, Learned, Start
from tfmtl.adaptation.trained import (
    TrainedOptions,
    new_heads,
    seed_layers,
    train_alone,
    training_data,
    training_experiment,
)
from tfmtl.core.errors import ConfigurationError, nearest
from tfmtl.core.registry import ADAPTATION
from tfmtl.data.streams import Examples
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task
from tfmtl.models.added_heads import with_heads
from tfmtl.models.layers.solved_head import ExtendedHead, SolvedHead


class HeadOptions(TrainedOptions):
    """Options of a new head.

    Attributes:
        like: a task of the run with as many labels, whose head the new one begins with, as for a new domain; `None`
            begins anew.
    """

    like: str | None = None


@ADAPTATION.register("head", options=HeadOptions)
class Head(AdaptationMethod):
    """A new head trained by gradients on the frozen trunk, for any task of one answer for a whole text."""

    options: HeadOptions

    def check(self, task: Task, start: Start) -> None:
        method = start.experiment.adapted[-1].adapt.name
        if task.name in start.reader.model.network.layers.heads:
            raise ConfigurationError(
                f"adapt.method: '{method}' trains a new head and cannot add labels to that of '{task.name}'; use "
                "'auto', 'probe' or 'prototypes'"
            )
        if task.generates or not task.is_answered:
            raise ConfigurationError(
                f"adapt.method: '{method}' cannot learn task '{task.name}' of kind '{task.kind}', which needs a "
                "decoder; 'tfmtl train CONFIG --from RUN' trains one"
            )
        if kind_of(task).units is not None:
            raise ConfigurationError(
                f"adapt.method: '{method}' cannot learn task '{task.name}' of kind '{task.kind}', which answers about "
                "units of its text; 'tfmtl train CONFIG --from RUN' learns it"
            )
        for key in ("instruction", "label_words"):
            if getattr(task, key, None):
                raise ConfigurationError(f"tasks.{task.name}.{key}: '{method}' reads the text alone; leave this out")
        if self.options.like is not None:
            self._check_like(task, start, self.options.like)

    def learn(self, start: Start, tasks: Mapping[str, Task], rows: Mapping[str, Examples]) -> Learned:
        experiment = training_experiment(start, tasks, rows, self.options)
        data = training_data(experiment, start, tasks, rows)
        seed_layers(self.options.seed)
        # Trained in a copy of the model, whose frozen layers would otherwise stay frozen in what is saved.
        trained = with_heads(start.reader.model, new_heads(start, tasks, data.tables))
        layers = trained.network.layers
        self.begin(start, {name: layers.heads[name] for name in tasks})
        layers.embedding.trainable = layers.sharing.trainable = False
        train_alone(trained, experiment, data)
        model = with_heads(start.reader.model, new_heads(start, tasks, data.tables))
        for name in tasks:
            model.network.layers.heads[name].set_weights(layers.heads[name].get_weights())
        return Learned(model, {name: {"rows": len(rows[name]), "updates": data.plan.updates} for name in tasks})

    def _check_like(self, task: Task, start: Start, like: str) -> None:
        if like not in start.reader.tasks:
            raise ConfigurationError(f"adapt.like: the run has no task '{like}'; {nearest(like, start.reader.tasks)}")
        old = start.reader.tasks[like]
        same = [(of.kind, kind_of(of).label_set(of), of.text_pair is not None) for of in (old, task)]
        head = start.reader.model.network.layers.heads[like]
        if same[0] != same[1] or head.common is not None or isinstance(head, SolvedHead | ExtendedHead):
            raise ConfigurationError(
                f"adapt.like: '{task.name}' cannot begin with the head of '{like}', which has other labels, reads "
                "other texts, or is no trained head of its own"
            )

    def begin(self, start: Start, heads: Mapping[str, keras.layers.Layer]) -> None:
        """Gives new heads the weights of an old one, if the options say so."""
        if self.options.like is not None:
            weights = start.reader.model.network.layers.heads[self.options.like].get_weights()
            for head in heads.values():
                head.set_weights(weights)
