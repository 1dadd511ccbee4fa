"""The common interface of runs and exports that answer rows."""

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmtl.core.errors import DataError, RunError, missing_folder, reason_of
from tfmtl.generation.batch_reader import as_arrays
from tfmtl.kinds.kind import Answer, kind_of
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.loading import load_reader
from tfmtl.runs.run_folder import RunFolder
from tfmtl.serving.export.description import METADATA_FILE, versions_in
from tfmtl.serving.export.loading import damaged, load_export
from tfmtl.serving.export.served_task import ServedTask, served_tasks
from tfmtl.serving.export.signatures import ALL_TASKS, WITHOUT_DECODERS, input_specs, signatures, trace
from tfmtl.serving.prediction.rows import Row

GraphOfTasks = Callable[..., Mapping[str, tf.Tensor]]


@dataclass(frozen=True)
class Predictor:
    """A loaded model, which returns every task's answer for each row.

    Attributes:
        tasks: the tasks, by name.
        function: a function from the tensors of `tfmtl.serving.export.signatures.input_specs`, given by name, to those
            of `trace`.
        without_decoders: the same, for the tasks alone that are answered without a decoder.
        place: where the tasks are described, for errors.
    """

    tasks: Mapping[str, ServedTask]
    function: GraphOfTasks
    without_decoders: GraphOfTasks
    place: str

    def check(self, row: Row) -> None:
        """Checks that a row is a pair if every task reads pairs, and is none if no task does; and the parts of a list.

        Raises:
            DataError: if no task could answer the row, none would read its second text, or a task could not say
                something about each part of a text that is given as a list.
        """
        pairs = [task.pair for task in self.tasks.values()]
        if row.text_pair is None and all(pairs):
            raise DataError(
                f"{row.place}: there is no 'text_pair', and every task ({', '.join(self.tasks)}) reads pairs"
            )
        if row.text_pair and not any(pairs):
            raise DataError(f"{row.place}: this is a pair, and every task ({', '.join(self.tasks)}) reads one text")
        for task in self.tasks.values():
            if row.parts is not None:
                kind_of(task).check_parts(row.parts, row.place)

    def inputs(self, rows: Sequence[Row]) -> dict[str, tf.Tensor]:
        """Returns the texts of rows, string `[rows]`, by the names of the inputs of the signatures."""
        texts = {"text": [row.text for row in rows], "text_pair": [row.text_pair or "" for row in rows]}
        return {spec.name: _strings(texts[spec.name]) for spec in input_specs(self.tasks)}

    def answer(self, rows: Sequence[Row]) -> list[dict[str, dict[str, Any]]]:
        """Returns each row's answers by task; those of pair tasks are left out of a row that has no pair.

        Raises:
            RunError: if what is answered does not fit the tasks.
        """
        outputs = self.function(**self.inputs(rows))
        return self._rows_of(rows, {name: self._answer(name, outputs, len(rows)) for name in self.tasks})

    def check_answers(self) -> None:
        """Checks, by the answer to one row, that the tasks have the labels and outputs that they are said to have.

        Raises:
            RunError: if an answer cannot be read as that of its task.
        """
        self.answer([Row("a", "a" if any(task.pair for task in self.tasks.values()) else None)])

    def _rows_of(self, rows: Sequence[Row], answers: Mapping[str, Answer]) -> list[dict[str, dict[str, Any]]]:
        return [
            {
                name: self._shown(name, answers[name], index, row)
                for name, task in self.tasks.items()
                if row.text_pair is not None or not task.pair
            }
            for index, row in enumerate(rows)
        ]

    def _answer(self, name: str, outputs: Mapping[str, tf.Tensor], rows: int) -> Answer:
        """Returns one task's outputs as arrays `[rows, ...]` by their suffixes, strings decoded."""
        found = {suffix: outputs.get(f"{name}_{suffix}") for suffix in kind_of(self.tasks[name]).outputs}
        for suffix, output in found.items():
            if output is None:
                raise self._misfit(name, f"there is no output '{name}_{suffix}'")
            if not output.shape.rank or output.shape[0] != rows:
                raise self._misfit(name, f"'{name}_{suffix}' has the shape {output.shape} for {rows} rows")
        return as_arrays(found)

    def _shown(self, name: str, answer: Answer, index: int, row: Row) -> dict[str, Any]:
        """Returns the answer of one task to one row as JSON values."""
        task = self.tasks[name]
        kind, text = kind_of(task), row.text_pair if task.pair else row.text
        try:
            return kind.shown(kind.as_json(answer, index, task.labels, text), task.options)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise self._misfit(name, reason_of(error)) from None

    def _misfit(self, name: str, reason: str) -> RunError:
        kind, labels = self.tasks[name].kind, len(self.tasks[name].labels)
        return RunError(f"{self.place}: the answer does not fit task '{name}' ({kind}, {labels} labels): {reason}")


def open_predictor(path: str | Path, allowed_ops: Collection[str] = ()) -> Predictor:
    """Returns the predictor of a run, of an export's newest version, or of one version, whichever `path` is.

    Args:
        path: the folder.
        allowed_ops: ops that the graph of an export may have, besides those that exports are made of.

    Raises:
        RunError: if it is none of them, damaged, or its graph has other ops.
    """
    path = Path(path)
    if not path.is_dir():
        raise RunError(missing_folder(path, "run or export folder"))
    if (path / "config.yaml").is_file():
        return _of_run(RunFolder.open(path))
    if (path / "saved_model.pb").is_file():
        return _of_export(path, allowed_ops)
    versions = versions_in(path)
    if versions:
        return _of_export(path / str(versions[-1]), allowed_ops)
    raise RunError(f"{path}: neither a run (no config.yaml) nor an export (no saved_model.pb, no version that has one)")


def _of_run(run: RunFolder) -> Predictor:
    reader = load_reader(run)
    tasks = served_tasks(experiment_of(run), reader.tasks)

    @functools.cache
    def graph(signature: str):
        return trace(reader, tasks, signatures(tasks)[signature])

    try:
        answering = graph(ALL_TASKS)
    except Exception as error:  # Whatever a graph makes of layers that do not fit.
        raise RunError(f"{run.path}: its model and its configuration do not fit together: {reason_of(error)}") from None
    # Traced only when it is needed, because tracing takes seconds.
    return Predictor(tasks, answering, lambda **inputs: graph(WITHOUT_DECODERS)(**inputs), str(run.path))


def _of_export(version: Path, allowed_ops: Collection[str]) -> Predictor:
    description, loaded = load_export(version, allowed_ops)
    return of_signatures(version, description.tasks, loaded.signatures)


def of_signatures(version: Path, tasks: Mapping[str, ServedTask], graphs: Mapping[str, GraphOfTasks]) -> Predictor:
    """Returns the predictor of the loaded signatures of an export, which answers a row for a trial.

    Args:
        version: the directory of the version.
        tasks: the tasks, by name, as the version describes them.
        graphs: its signatures, by name.

    Raises:
        RunError: if it cannot answer the row, or the answer does not fit the description of a task.
    """
    # There is no such signature if every task has a decoder.
    place = str(version / METADATA_FILE)
    predictor = Predictor(tasks, graphs[ALL_TASKS], lambda **inputs: graphs[WITHOUT_DECODERS](**inputs), place)
    try:
        predictor.check_answers()
    except tf.errors.OpError as error:
        raise damaged(version, error) from None
    return predictor


def _strings(texts: Sequence[str]) -> tf.Tensor:
    """String `[batch]`; a lone surrogate, which JSON allows and UTF-8 does not, becomes a question mark."""
    return tf.constant(np.array([text.encode("utf-8", "replace") for text in texts], object), tf.string)
