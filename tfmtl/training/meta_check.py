"""What meta-learning cannot be combined with."""

from collections.abc import Mapping

from tfmtl.balancing.method import LossWeighting
from tfmtl.config.experiment import Experiment
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import BALANCING
from tfmtl.data.mixing_rule import rule_of
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task


def check_meta(experiment: Experiment, tasks: Mapping[str, Task]) -> None:
    """Checks that an experiment with `training.meta` asks for nothing that episodes cannot do.

    Raises:
        ConfigurationError: if it does.
    """
    options, balancing = experiment.training, BALANCING.get(experiment.balancing.name).build
    if not issubclass(balancing, LossWeighting) or balancing.reads_losses or balancing.reads_losses_after:
        raise ConfigurationError(
            f"training.meta: the balancing method '{experiment.balancing.name}' reads the losses or gradients of whole "
            "batches, but an update is made of episodes; use 'fixed'"
        )
    if rule_of(experiment.mixing) is not None:
        raise ConfigurationError(
            f"training.meta: tasks are drawn at the rates of mixing, which cannot be '{experiment.mixing.name}'; use "
            "another schedule"
        )
    if options.accumulation > 1:
        raise ConfigurationError(
            "training.accumulation: episodes are read as a whole; with 'training.meta' it must be 1"
        )
    if options.precision == "mixed_float16":
        raise ConfigurationError(
            "training.precision: 'mixed_float16' scales the loss, but the inner steps of 'training.meta' do not; use "
            "'mixed_bfloat16' or 'float32'"
        )
    meta = options.meta
    if meta.name == "reptile" and meta.options.classes is not None and meta.options.inner_steps == 1:
        raise ConfigurationError(
            "training.meta.inner_steps: with 'classes', output weights begin at zero, so that the trunk does not move "
            "in the first step; 'reptile' needs 2 or more"
        )
    for name, task in tasks.items():
        if kind_of(task).corrupts:
            raise ConfigurationError(
                f"tasks.{name}: its texts change when they are read; 'training.meta' cannot draw it"
            )
        if options.meta.options.classes is not None and getattr(task, "label_smoothing", 0.0):
            raise ConfigurationError(
                f"tasks.{name}.label_smoothing: there is nothing to smooth over outside of an episode's classes; with "
                "'training.meta.classes' it must be 0"
            )
