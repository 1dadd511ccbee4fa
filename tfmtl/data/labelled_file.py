"""Reads a labelled file in the format of a trained experiment, for the tasks whose fields it has."""

from pathlib import Path

from tfmtl.config.experiment import Experiment
from tfmtl.core.errors import DataError, MissingColumnError
from tfmtl.data.sources.files import FileOptions
from tfmtl.data.streams import Stream, load_streams

DATA = "data"
"""The name of the split that the rows of the file make up."""


def streams_of_file(experiment: Experiment, path: str | Path) -> list[Stream]:
    """Returns the rows of a file as the split `data`, for the tasks of each source whose fields they have.

    Args:
        experiment: the experiment, whose tasks have their label sets.
        path: the path of the file, or a glob.

    Raises:
        DataError: if no source reads files, no source's tasks find their fields, or the rows cannot be used.
    """
    streams: list[Stream] = []
    missing: list[MissingColumnError] = []
    for name, choice in experiment.sources.items():
        tasks = {task.name: task for task in experiment.tasks.values() if task.source == name and task.is_answered}
        if not tasks or not isinstance(choice.options, FileOptions):
            continue
        options = choice.options.model_copy(update={"splits": {DATA: (str(path),)}, "limit": None})
        source = choice.model_copy(update={"options": options})
        try:
            found, _ = load_streams(experiment.model_copy(update={"sources": {name: source}, "tasks": tasks}), (DATA,))
        except MissingColumnError as error:
            missing.append(error)
        else:
            streams += found
    if missing and not streams:
        raise missing[0]
    if not streams:
        raise DataError(f"{path}: this run was not trained on files, whose format this one could have")
    return streams
