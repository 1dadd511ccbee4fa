"""Training, from Python."""

from pathlib import Path

from tfmtl.config.experiment import Experiment
from tfmtl.config.yaml_file import load_experiment
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.train import train_run


def train(experiment: Experiment | str | Path, run: str | Path | None = None) -> RunFolder:
    """Trains an experiment; where its run has been interrupted, goes on with it.

    Args:
        experiment: an experiment, or the path of its YAML file.
        run: the run's folder; `runs/<name>` where it is `None`.

    Returns:
        The run's folder.

    Raises:
        UserError: where something that the user gave cannot be used.
    """
    if not isinstance(experiment, Experiment):
        experiment = load_experiment(experiment)
    folder = RunFolder(run) if run else run_folder(experiment)
    return train_run(experiment, folder)


def run_folder(experiment: Experiment) -> RunFolder:
    """Returns the folder of an experiment's run where no other is named: `runs/<name>`."""
    return RunFolder(Path("runs") / experiment.name)
