"""The validation score that chooses a run's best model, measured while it trains."""

import logging
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.figure import Figure

from tfmtl.config.experiment import Experiment
from tfmtl.core.errors import RunError
from tfmtl.data.columns import is_present
from tfmtl.data.streams import Examples, Stream
from tfmtl.data.tokenized import ReadTexts
from tfmtl.generation.batch_reader import BatchReader
from tfmtl.generation.reader import Reader
from tfmtl.kinds.kind import Answer, kind_of
from tfmtl.kinds.task import Task
from tfmtl.metrics.scoring import quick_scores, validation_score

_SHOWN = 4
_DRAWN = 8
"""The number of tasks whose answers are drawn after each epoch, which takes part of a second for each."""
_ROWS = 8
"""The number of rows above which identical answers are unlikely to be a coincidence."""

_logger = logging.getLogger("tfmtl")


class ValidationScorer:
    """Measures every task on the validation split: heads on all rows, summaries on the first few by generation.

    Args:
        batch_reader: the reader of the model in training; with greedy search, for speed.
        streams: the streams, with their validation splits.
        generate_examples: the number of rows for which summaries are generated.
    """

    def __init__(self, batch_reader: BatchReader, streams: Sequence[Stream], generate_examples: int):
        self._batch_reader = batch_reader
        asked = [stream for stream in streams if all(task.is_answered for task in stream.tasks)]
        self._streams = [(stream, batch_reader.tokenize(stream.splits["validation"])) for stream in asked]
        self._generate = generate_examples
        self._samples: dict[str, list[tuple[str, str, str]]] = {}
        self._answers: dict[str, tuple[Task, np.ndarray, Answer]] = {}

    def __call__(self) -> tuple[float, dict[str, dict[str, float]]]:
        """Returns the mean of the tasks' primary metrics, and all metrics of each task."""
        scores = {}
        for stream, rows in self._streams:
            examples = stream.splits["validation"]
            heads = [task for task in stream.tasks if not task.generates]
            if heads:
                answers = self._batch_reader.answer([task.name for task in heads], rows)
                scores |= {task.name: self._of_head(task, examples, answers[task.name]) for task in heads}
            for task in stream.tasks:
                if task.generates:
                    scores[task.name] = self._generated(task, examples, rows)
        tasks = {task.name: task for stream, _ in self._streams for task in stream.tasks}
        return validation_score(tasks, scores), scores

    def _of_head(self, task: Task, examples: Examples, answer: Answer) -> dict[str, float]:
        kind, targets = kind_of(task), examples.targets[task.name]
        check_finite(task, targets, answer)
        head = self._batch_reader.reader.model.network.layers.heads[task.name]
        answer = kind.calibrate(task, head, targets, answer)
        warn_of_one_answer(task, answer[kind.outputs[0]])
        self._answers[task.name] = task, targets, answer
        return quick_scores(task, targets, kind.predictions(answer))

    def _generated(self, task: Task, examples: Examples, rows: ReadTexts) -> dict[str, float]:
        targets = examples.targets[task.name]
        chosen = np.flatnonzero(is_present(targets))[: self._generate]
        if not len(chosen):
            return {}
        kind = kind_of(task)
        texts = kind.predictions(self._batch_reader.answer([task.name], rows.take(chosen))[task.name])
        warn_of_one_answer(task, texts)
        shown = zip(examples.text[chosen[:_SHOWN]], targets[chosen[:_SHOWN]], texts, strict=False)
        self._samples[task.name] = [(text, first, written) for text, (first, *_), written in shown]
        return quick_scores(task, targets[chosen], texts)

    def samples(self) -> dict[str, list[tuple[str, str, str]]]:
        """Returns, for each summarization task, a few (text, reference, summary) triples of the last measurement."""
        return self._samples

    def figures(self) -> dict[str, Figure]:
        """Returns what the kinds of the first tasks draw of the last measurement, by `<what it shows>/<task>`."""
        found = {}
        for name, (task, targets, answer) in list(self._answers.items())[:_DRAWN]:
            present = is_present(targets)
            if present.any():
                of_present = {suffix: values[present] for suffix, values in answer.items()}
                drawn = kind_of(task).figures(task, targets[present], of_present)
                found |= {f"{shown}/{name}": figure for shown, figure in drawn.items()}
        return found


def check_finite(task: Task, targets: np.ndarray, answer: Answer) -> None:
    """Checks what a head says of the rows with a target.

    Raises:
        RunError: if numbers of it are not finite: the training has diverged.
    """
    present = is_present(targets)
    for values in answer.values():
        if values.dtype.kind == "f":
            rows = values[present].reshape(int(present.sum()), -1)
            broken = np.count_nonzero(~np.isfinite(rows).all(axis=1))
            if broken:
                raise RunError(
                    f"task '{task.name}': {broken} of {len(rows)} answers are not finite numbers: the training has "
                    "diverged; remove the run's folder and lower 'training.learning_rate'"
                )


def warn_of_one_answer(task: Task, answers: Iterable) -> None:
    """Warns if all rows have the same answer, or none: the model has then learned nothing about the texts."""
    texts = [answer.decode() if isinstance(answer, bytes) else str(answer) for answer in answers]
    if len(texts) < _ROWS or len(set(texts)) > 1:
        return
    if texts[0]:
        _logger.warning(
            "task '%s': all %d validation rows have the same answer: %.80r", task.name, len(texts), texts[0]
        )
    else:
        _logger.warning("task '%s': all %d validation rows are left without an answer", task.name, len(texts))


def make_scorer(reader: Reader, streams: Sequence[Stream], experiment: Experiment) -> ValidationScorer:
    """Returns the scorer of a reader's model on the validation splits of an experiment."""
    batch_reader = BatchReader(reader, experiment.evaluation.batch_size)
    return ValidationScorer(batch_reader, streams, experiment.training.generate_examples)
