"""Which words speak for an answer: the model is asked again without each of them (occlusion).

The weight of a word is the number that the answer stands on, such as the probability of its label, minus what it is
when the word is left out of the text (Zeiler and Fergus 2014; Li et al. 2016, "Understanding neural networks through
representation erasure"). It needs nothing but answers, so that runs, exports and servers explain alike. Words that only
matter together have small weights, because each of them is left out alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import regex

from tfmtl.core.errors import RunError, UserError, reason_of
from tfmtl.core.round_trip_float import round_trip_float
from tfmtl.generation.batch_reader import as_arrays
from tfmtl.kinds.kind import Answer, kind_of
from tfmtl.metrics.words import UNSPACED
from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.prediction.predictor import Predictor
from tfmtl.serving.prediction.rows import Row

_BATCH = 32
_LETTERS = rf"[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]+"
_WORD = regex.compile(rf"[\p{{L}}\p{{N}}&&[{UNSPACED}]]\p{{M}}*|{_LETTERS}(?:['’]{_LETTERS})*|\p{{S}}+", regex.VERSION1)


@dataclass(frozen=True)
class Word:
    """A word of a row.

    Attributes:
        field: `text` or `text_pair`.
        word: the word.
        start: the position of its first character in the field.
        end: the position behind its last character.
    """

    field: str
    word: str
    start: int
    end: int


def words_of(row: Row) -> list[Word]:
    """Returns the words of a row, those of its text first.

    A word consists of letters and digits of any script, and apostrophes within; a script that puts no spaces between
    words has words of one letter. Symbols, such as emoji, are words too; punctuation is not.
    """
    texts = {"text": row.text, **({"text_pair": row.text_pair} if row.text_pair else {})}
    return [Word(field, found[0], *found.span()) for field, text in texts.items() for found in _WORD.finditer(text)]


def without(row: Row, word: Word) -> Row:
    """Returns a row without one of its words, and without the space that would then stand beside another one."""
    text = getattr(row, word.field)
    before, after = text[: word.start], text[word.end :]
    if after[:1].isspace() and (not before or before[-1].isspace()):
        after = after[1:]
    return replace(row, **{word.field: before + after})


def explained(tasks: Mapping[str, ServedTask]) -> dict[str, ServedTask]:
    """Returns the tasks whose answers can be explained."""
    return {name: task for name, task in tasks.items() if kind_of(task).explains}


def explanation(task: ServedTask, answer: Answer, words: Sequence[Word]) -> list[dict[str, Any]]:
    """Returns the weight of each word, in the order of the text.

    Each is `{"word": ..., "start": ..., "end": ..., "weight": ...}`, with positions in characters; a task with several
    labels in an answer has such entries for each of them, with a `label`; one that reads pairs has a `field`.

    Args:
        task: the task.
        answer: the task's answers as arrays: to the whole text, then to the text without each of the words.
        words: the words.
    """
    entries = []
    for label, numbers in kind_of(task).evidence(answer, task.labels).items():
        weights = np.float32(numbers[:1]) - np.float32(numbers[1:])
        for word, weight in zip(words, weights, strict=True):
            if task.pair or word.field == "text":
                entry = {"label": label} if label is not None else {}
                entry |= {"word": word.word, "start": word.start, "end": word.end, "weight": round_trip_float(weight)}
                entries.append({**entry, **({"field": word.field} if task.pair else {})})
    return entries


class ExplainingPredictor:
    """A predictor whose answers say which words speak for them, under `explanation`.

    It reads each text once more for each of its words, without running a decoder.

    Args:
        predictor: the predictor of a run, an export or a server.

    Raises:
        UserError: if no answer of its can be explained.
    """

    def __init__(self, predictor: Predictor):
        self.tasks = predictor.tasks
        self._predictor = predictor
        self._explained = explained(predictor.tasks)
        if not self._explained:
            raise UserError(f"predict: no answer of this model can be explained; it has {', '.join(self.tasks)}")

    def check(self, row: Row) -> None:
        """Checks a row as the predictor does."""
        self._predictor.check(row)

    def answer(self, rows: Sequence[Row]) -> list[dict[str, dict[str, Any]]]:
        """Returns each row's answers by task, as the predictor does, with their explanations."""
        answers = self._predictor.answer(rows)
        for row, answer in zip(rows, answers, strict=True):
            for name, entries in self._explanations(row).items():
                if name in answer:
                    answer[name]["explanation"] = entries
        return answers

    def _explanations(self, row: Row) -> dict[str, list[dict[str, Any]]]:
        words = words_of(row)
        parts = list(self._answered([row, *(without(row, word) for word in words)]))
        try:
            joined = joined_answers(parts, self._explained)
            return {name: explanation(task, joined[name], words) for name, task in self._explained.items()}
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            place = self._predictor.place
            raise RunError(f"{place}: its answers without decoders do not fit its tasks: {reason_of(error)}") from None

    def _answered(self, rows: Sequence[Row]) -> Iterator[dict[str, np.ndarray]]:
        for start in range(0, len(rows), _BATCH):
            inputs = self._predictor.inputs(rows[start : start + _BATCH])
            yield as_arrays(self._predictor.without_decoders(**inputs))


def joined_answers(parts: Sequence[Mapping[str, np.ndarray]], tasks: Mapping[str, ServedTask]) -> dict[str, Answer]:
    """Returns the answers of tasks, given the outputs of a signature for some rows after the other.

    Outputs of other tasks may have another width in each part, such as tags.
    """
    of_parts = [{name: answer_of(name, task, part) for name, task in tasks.items()} for part in parts]
    return {
        name: {suffix: np.concatenate([part[name][suffix] for part in of_parts]) for suffix in of_parts[0][name]}
        for name in tasks
    }


AnyPredictor = Predictor | ExplainingPredictor


def answer_of(name: str, task: ServedTask, outputs: Mapping[str, np.ndarray]) -> Answer:
    """Returns a task's answer, arrays by suffix, out of the outputs of a signature."""
    return {suffix: outputs[f"{name}_{suffix}"] for suffix in kind_of(task).outputs}
