"""The base of methods that solve a head from the vectors of few texts, and leave everything else as it is."""

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field, NonNegativeFloat, field_validator
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

from tfmtl.adaptation.features import Features, View
from tfmtl.adaptation.method import AdaptationMethod, Learned, Start
from tfmtl.config.adaptation import AdaptationOptions
from tfmtl.core.errors import ConfigurationError, nearest
from tfmtl.core.values import as_written
from tfmtl.data.columns import DenseColumn
from tfmtl.data.streams import Examples
from tfmtl.generation.batch_reader import as_array
from tfmtl.kinds.kind import Answer, kind_of
from tfmtl.kinds.task import Task
from tfmtl.models.added_heads import extended_head, with_heads
from tfmtl.models.layers.solved_head import SolvedHead

_MANY_ROWS = 4000


class VectorOptions(AdaptationOptions):
    """Options of methods whose head stands on one vector for each text.

    Attributes:
        name_weight: how many rows the name of a label counts for, as if it were a text with this label: the values to
            choose from, the first one where none can be chosen; 0 leaves names out.
        label_texts: what the names of labels mean, such as `{1: World news}`; a label without such a text is read as it
            is written.
        pooling: how the states of a text are pooled; `None` means by their mean, or the last of a causal trunk.
    """

    name_weight: tuple[NonNegativeFloat, ...] = Field((0.0,), min_length=1)
    label_texts: dict[str, str] = Field(default_factory=dict)
    pooling: Literal["mean", "last"] | None = None

    @field_validator("label_texts", mode="before")
    @classmethod
    def _labels_as_written(cls, texts: Any) -> Any:
        # YAML reads labels such as 1 and true as a number and a boolean.
        return {as_written(label): text for label, text in texts.items()} if isinstance(texts, Mapping) else texts

    def name_weights(self, names: bool) -> tuple[float, ...]:
        """The weights of names to choose from: those without effect if there are none."""
        return self.name_weight if names else (0.0,)


class SolvedOptions(VectorOptions):
    """Options of methods that choose a head by cross-validation.

    Attributes:
        folds: the number of parts into which the rows are divided for cross-validation; fewer if a label has fewer
            rows.
    """

    folds: int = Field(5, ge=2)


@dataclass(frozen=True)
class Problem:
    """Labelled vectors.

    Attributes:
        features: the vectors, float32 `[rows, width]`.
        targets: their classes, int `[rows]`; each class has a row.
        weights: the weights of the rows, `[rows]`.
        classes: the number of classes.
        names: the vectors of the names of the classes, float32 `[classes, width]`; `None` for pairs of texts.
    """

    features: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    classes: int
    names: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Self:
        """Returns the rows at some indices."""
        return replace(self, features=self.features[rows], targets=self.targets[rows], weights=self.weights[rows])

    def with_names(self, weight: float) -> Self:
        """Returns the problem with the name of each class as a further row of such a weight; with 0, itself."""
        if not weight:
            return self
        return replace(
            self,
            features=np.concatenate([self.features, self.names]),
            targets=np.concatenate([self.targets, np.arange(self.classes)]),
            weights=np.concatenate([self.weights, np.full(self.classes, weight)]),
        )


@dataclass(frozen=True)
class Solution:
    """A solved function from vectors to the scores of classes.

    Attributes:
        layer: returns a new layer of the function, given its name.
        weights: the weights of that layer.
        scores: the function itself, outside of graphs: logits `[rows, classes]` of vectors `[rows, width]`.
        scaled: returns the solution whose scores are multiplied by a factor.
        report: what was chosen, as JSON values.
    """

    layer: Callable[[str], keras.layers.Layer]
    weights: list[np.ndarray]
    scores: Callable[[np.ndarray], np.ndarray]
    scaled: Callable[[float], "Solution"]
    report: dict[str, Any] = field(default_factory=dict)


Candidate = Callable[[Problem], Solution]
"""A way to solve a problem, with all its options."""


@dataclass(frozen=True)
class SolvedTask:
    """A task with its solution.

    Attributes:
        view: the states of the trunk that it stands on.
        solution: the solution.
    """

    view: View
    solution: Solution

    def answer(self, task: Task, asked: Examples, features: Features) -> Answer:
        """Returns the answers for rows, as arrays `[rows, ...]`."""
        said = tf.constant(self.solution.scores(features.of(self.view, asked)), tf.float32)
        return {suffix: as_array([values]) for suffix, values in kind_of(task).answer(task, said, None).items()}


class SolvedMethod(AdaptationMethod):
    """Base of methods that solve a head on the frozen states of the trunk, for tasks with one label a text."""

    options: VectorOptions

    @abstractmethod
    def candidates(self, names: bool) -> list[Candidate]:
        """Returns the ways to solve a problem among which the method chooses; the first one needs no choice.

        Args:
            names: whether the problem has the vectors of the names of its classes.
        """

    def solve(self, problem: Problem) -> Solution:
        """Returns the solution of a problem, chosen by cross-validation if the options say so."""
        candidates, folds = self.candidates(problem.names is not None), getattr(self.options, "folds", None)
        return (best(candidates, problem, folds) if folds else None) or candidates[0](problem)

    def check(self, task: Task, start: Start) -> None:
        method, network = start.experiment.adapted[-1].adapt.name, start.reader.model.network
        if not kind_of(task).classes(task):
            raise ConfigurationError(
                f"adapt.method: '{method}' learns one label a text, and task '{task.name}' is of kind '{task.kind}'; "
                "'head' learns tasks of one answer for a whole text"
            )
        for key in ("instruction", "label_words"):
            if task.name not in network.layers.heads and getattr(task, key, None):
                raise ConfigurationError(f"tasks.{task.name}.{key}: '{method}' reads the text alone; leave this out")
        labels = kind_of(task).label_set(task)
        for label in self.options.label_texts:
            if label not in labels:
                raise ConfigurationError(f"adapt.label_texts: unknown label '{label}'; {nearest(label, labels)}")
        if task.name in network.linear_tasks:
            raise ConfigurationError(
                f"adapt.new_labels.{task.name}: a linear expert answers this task too, and cannot learn them"
            )

    def solutions(self, start: Start, tasks: Mapping[str, Task], rows: Mapping[str, Examples]) -> dict[str, SolvedTask]:
        """Returns the solution of each task, by its name; the arguments are those of `learn`."""
        solved = {}
        for name, task in tasks.items():
            view = self._view(task, start)
            solved[name] = SolvedTask(view, self.solve(self._problem(task, start.features, view, rows[name])))
        return solved

    def learn(self, start: Start, tasks: Mapping[str, Task], rows: Mapping[str, Examples]) -> Learned:
        model, heads, solved_heads = start.reader.model, {}, {}
        solved = self.solutions(start, tasks, rows)
        for name, task in tasks.items():
            features, scores = start.features.layer(solved[name].view), solved[name].solution.layer("scores")
            solved_heads[name] = heads[name] = SolvedHead(features, scores, name=name, dtype="float32")
            if name in start.reader.tasks:
                old_classes = kind_of(task).classes(start.reader.tasks[name])
                heads[name] = extended_head(model, name, old_classes, solved_heads[name])
        adapted = with_heads(model, heads)
        for name, head in solved_heads.items():
            head.scores.set_weights(solved[name].solution.weights)
        report = {name: {"rows": len(rows[name]), **of_task.solution.report} for name, of_task in solved.items()}
        if heads != solved_heads:
            # The answers to a task that was given new labels are not those of the solution alone.
            return Learned(adapted, report)
        return Learned(adapted, report, lambda task, asked: solved[task.name].answer(task, asked, start.features))

    def _problem(self, task: Task, features: Features, view: View, rows: Examples) -> Problem:
        targets, labels = rows.targets[task.name], kind_of(task).label_set(task)
        weights = kind_of(task).class_weights(task, DenseColumn(targets))[targets]
        names = None
        if not view.pair and any(self.options.name_weight):
            texts = [self.options.label_texts.get(label) or readable(label) for label in labels]
            names = features.of(view, Examples(np.array(texts, object), None, {}))
        return Problem(features.of(view, rows), targets, weights, len(labels), names)

    def _view(self, task: Task, start: Start) -> View:
        # A task of the run reads the states that its head reads, which a sharing scheme may have made for it alone.
        own = task.name if task.name in start.reader.model.network.layers.heads else ""
        return View(own, self.options.pooling, task.text_pair is not None)


def folds_of(targets: np.ndarray, folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns the rows to learn from and to be measured on, for each part of a cross-validation.

    Rows of each class are divided evenly. None are returned if a class has a single row. Of very many rows, a fifth is
    measured once.

    Args:
        targets: the classes of the rows, int `[rows]`.
        folds: the number of parts.
    """
    counts = np.bincount(targets)
    smallest = counts[counts > 0].min()
    if smallest < 2:
        return []
    if len(targets) > _MANY_ROWS:
        return list(StratifiedShuffleSplit(1, test_size=0.2, random_state=0).split(targets, targets))
    return list(StratifiedKFold(min(folds, smallest), shuffle=True, random_state=0).split(targets, targets))


def calibration(scores: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Returns the factor of scores with which their log loss is smallest, and that loss (Guo et al. 2017, section 4.2).

    Args:
        scores: logits of rows that were held out, `[rows, classes]`.
        targets: their classes, int `[rows]`.
    """

    def loss(exponent: float) -> float:
        return log_loss(np.exp(exponent) * scores, targets)

    found = minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded")
    return float(np.exp(found.x)), float(found.fun)


def log_loss(scores: np.ndarray, targets: np.ndarray) -> float:
    """Returns the mean of `-log p` of the targets int `[rows]`, for logits `[rows, classes]`."""
    logs = scores - logsumexp(scores, axis=1, keepdims=True)
    return -float(logs[np.arange(len(targets)), targets].mean())


def best(candidates: Sequence[Candidate], problem: Problem, folds: int) -> Solution | None:
    """Returns the solution of the candidate with the smallest log loss of rows that are held out; the first of equals.

    The scores of each candidate are calibrated before they are compared, so that what decides is the order of answers
    and not how certain a method happens to be; the solution is calibrated with the same factor.

    Args:
        candidates: the ways to solve the problem.
        problem: the problem.
        folds: the number of parts into which its rows are divided.

    Returns:
        The solution, whose report says its log loss; `None` if a class has a single row, so that none can be held out.
    """
    parts = folds_of(problem.targets, folds)
    if not parts:
        return None
    asked = np.concatenate([asked for _, asked in parts])
    losses, factors = [], []
    for solve in candidates:
        scores = [solve(problem.take(known)).scores(problem.features[held]) for known, held in parts]
        factor, loss = calibration(np.concatenate(scores), problem.targets[asked])
        losses.append(loss)
        factors.append(factor)
    chosen = int(np.argmin(losses))
    solution = candidates[chosen](problem).scaled(factors[chosen])
    return replace(solution, report={**solution.report, "log_loss": losses[chosen]})


def readable(label: str) -> str:
    """Returns the name of a label as words.

    >>> readable("PlayMusic"), readable("credit_card-lost"), readable("Sci/Tech")
    ('Play Music', 'credit card lost', 'Sci Tech')
    """
    return " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])|[_/\-]+", " ", label).split()) or label
