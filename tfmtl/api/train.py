"""Trains an experiment, from Python."""

from pathlib import Path

from tfmtl.config.experiment import Experiment
from tfmtl.config.yaml_file import load_experiment
from tfmtl.core.messages import show_messages
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.train import train_run


def train(experiment: Experiment | str | Path, run: str | Path | None = None) -> RunFolder:
    """Trains an experiment, or resumes its run if that has been interrupted.

    Args:
        experiment: an experiment, or the path of its YAML file.
        run: the run's folder; `None` means `runs/<name>`.

    Returns:
        The run's folder.

    Raises:
        UserError: if an argument cannot be used.
    """
    show_messages()
    if not isinstance(experiment, Experiment):
        experiment = load_experiment(experiment)
    folder = RunFolder(run) if run else run_folder(experiment)
    return train_run(experiment, folder)


def run_folder(experiment: Experiment) -> RunFolder:
    """Returns the default folder of an experiment's run, `runs/<name>`."""
    return RunFolder(Path("runs") / experiment.name)
