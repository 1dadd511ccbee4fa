"""The common parts of kinds with a label set: reading labels, ordering label sets, and class weights."""

import logging
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from tfmtl.core.errors import ConfigurationError, DataError, listed, nearest
from tfmtl.core.values import as_written, is_absent, one_way
from tfmtl.kinds.task import Task

Place = Callable[[int], str]

_logger = logging.getLogger("tfmtl")


def as_number(value: Any) -> float:
    """Returns a value as a number; NaN if it is not a number."""
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def as_label(value: Any) -> str | None:
    """Returns the label in a value of the data; `None` if it is missing.

    Raises:
        TypeError: if the value is not a label.
    """
    if is_absent(value):
        return None
    if isinstance(value, str | bool | int | float):
        return as_written(value).strip()
    raise TypeError(f"not a label: {str(value)[:60]}")


def named(label: str | None, names: Mapping[str, str] | None) -> str | None:
    """Returns the name of a label in the data: that which `names` has for it, or the label itself.

    The ids in `names` may be written in another way in the data, such as `1.0` for `1`.
    """
    if label is None or not names:
        return label
    return names.get(label, names.get(one_way(label), label))


def configured_names(names: Any) -> Any:
    """Returns configured names with their ids as texts; YAML reads numbers and booleans as such.

    Raises:
        ValueError: if they are not a mapping, or two ids have the same name.
    """
    if names is None:
        return None
    if not isinstance(names, Mapping):
        raise ValueError("expected the name of each id such as {0: World, 1: Sports}")
    texts = {as_written(identity).strip(): as_written(name).strip() for identity, name in names.items()}
    if len(set(texts.values())) < len(names):
        raise ValueError("two ids have the same name")
    return texts


Names = Annotated[dict[str, str] | None, BeforeValidator(configured_names)]
"""The names of labels by what stands for them in the data."""


def read_labels(task: Task, values: Iterable[Any], place: Place) -> Iterable[str | None]:
    """Yields the label of each row by its name; `None` if it has none.

    Raises:
        DataError: if a value is not a label; names the first one.
    """
    for row, value in enumerate(values):
        try:
            yield named(as_label(value), task.names)
        except TypeError as error:
            hint = "; a task of 'kind: multi_label' reads several labels" if isinstance(value, list | tuple) else ""
            raise DataError(f"{place(row)}: '{task.target_fields[0]}' of task '{task.name}' is {error}{hint}") from None


def label_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Returns labels from data in sorted order; they are sorted by value if all of them are numbers.

    If all are whole numbers or all are booleans, they are written in one way, whatever the format of their file: `1.0`
    is `1`, and `True` is `true`.
    """
    found = set(labels)
    written = set(map(one_way, found))
    if all(re.fullmatch(r"-?\d+", label) for label in written) or written <= {"true", "false"}:
        found = written
    if all(math.isfinite(as_number(label)) for label in found):
        return tuple(sorted(found, key=lambda label: (float(label), label)))
    return tuple(sorted(found))


def positions_of(labels: Sequence[str]) -> Callable[[str], int | None]:
    """Returns the function from a label in the data to its position in a label set; `None` if it is none of the set.

    A whole number or a boolean may be written in another way, such as `1.0` for `1`, if only one label can be meant.
    """
    exact = {label: position for position, label in enumerate(labels)}
    counts = Counter(map(one_way, labels))
    alike = {one_way(label): position for label, position in exact.items() if counts[one_way(label)] == 1}
    return lambda label: exact.get(label, alike.get(one_way(label)))


def warn_of_lookalikes(task: Task, labels: Iterable[str]) -> None:
    """Warns of labels found in data that differ only in case, in white space, or in how a number is written."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        plain = unicodedata.normalize("NFKC", one_way(label)).casefold()
        groups.setdefault(" ".join(plain.split()), []).append(f"'{label}'")
    alike = [" and ".join(group) for group in groups.values() if len(group) > 1]
    if alike:
        _logger.warning("task '%s': different labels look alike: %s", task.name, listed(alike))


def configured_labels(labels: Any) -> Any:
    """Returns a configured label set as strings; YAML reads `[0, 1]` as numbers and `[true, false]` as booleans."""
    if not isinstance(labels, list | tuple):
        return labels
    for label in labels:
        if label is None or isinstance(label, list | dict):
            raise ValueError(f"not a label: {label!r}")
    return tuple(as_written(label).strip() for label in labels)


def configured_weights(weights: Any) -> Any:
    """Returns configured class weights with their labels as strings, like `configured_labels`.

    Raises:
        ValueError: if they are neither a mapping nor `balanced`, or if a weight is not a number of at least 0.
    """
    if weights is None or weights == "balanced":
        return weights
    if not isinstance(weights, Mapping):
        raise ValueError("expected 'balanced', or a weight by label such as {label: 2.0}")
    by_label = {as_written(label).strip(): weight for label, weight in weights.items()}
    if len(by_label) < len(weights):
        raise ValueError(f"two weights are given for one label, of {listed([repr(label) for label in weights])}")
    for label, weight in by_label.items():
        if not 0.0 <= as_number(weight) < math.inf:
            raise ValueError(f"the weight of '{label}' is not a number of at least 0: {weight!r}")
    return by_label


ClassWeights = Annotated[Literal["balanced"] | dict[str, float] | None, BeforeValidator(configured_weights)]
"""The weight of each label by its name, or `balanced`."""


def distinct_labels(labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Returns `labels` unchanged.

    Raises:
        ValueError: if a label is empty or appears twice.
    """
    twice = next((label for label in labels or () if labels.count(label) > 1), None)
    if twice is not None:
        raise ValueError(f"the label '{twice}' appears twice")
    if labels and "" in labels:
        raise ValueError("a label is empty")
    return labels


def check_class_weights(task: Task, labels: Sequence[str]) -> None:
    """Checks that class weights are given for labels of the task only, and says which labels keep a weight of 1.

    Raises:
        ConfigurationError: if a weight names an unknown label.
    """
    if not isinstance(task.class_weights, Mapping):
        return
    place = f"tasks.{task.name}.class_weights"
    for label in task.class_weights:
        if label not in labels:
            raise ConfigurationError(f"{place}: unknown label '{label}'; {nearest(label, labels)}")
    rest = [label for label in labels if label not in task.class_weights]
    if rest:
        _logger.info("%s: labels without a configured weight have weight 1: %s", place, listed(rest))


def named_weights(labels: Iterable[str], weights: Mapping[str, float]) -> np.ndarray:
    """Returns the weight of each label, `[classes]`; 1 if it has none."""
    return np.array([weights.get(label, 1.0) for label in labels])


def configured_words(words: Any) -> bool | dict[str, str]:
    """Returns configured label words with their labels as texts; YAML reads numbers and booleans as such.

    Raises:
        ValueError: if they are neither `true` or `false` nor a text for each of some labels.
    """
    if isinstance(words, bool):
        return words
    if (
        not isinstance(words, Mapping)
        or not words
        or not all(isinstance(text, str) and text.strip() for text in words.values())
    ):
        raise ValueError("expected true, or the words of labels such as {label: words}")
    return {as_written(label).strip(): text for label, text in words.items()}


TopK = Annotated[int | None, Field(ge=1)]
"""The number of most probable labels whose probabilities an answer holds; `None` for all."""


def most_probable(answer: Mapping[str, Any], count: int | None) -> dict[str, Any]:
    """Returns an answer as JSON with the probabilities of its `count` most probable labels, the most probable first.

    Labels with the same probability stay in their order. If `count` is `None`, the answer is returned as it is.
    """
    if count is None:
        return dict(answer)
    ranked = sorted(answer["probabilities"].items(), key=lambda item: -item[1])
    return {**answer, "probabilities": dict(ranked[:count])}


LabelWords = Annotated[bool | dict[str, str], BeforeValidator(configured_words)]
