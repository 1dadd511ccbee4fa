"""How tasks are put to a trunk that continues texts, as ids of tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from tfmtl.core.errors import ConfigurationError
from tfmtl.data.special_tokens import END_ID, START_ID
from tfmtl.data.tokenizers.chat import parts_of_instruction
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task


@dataclass(frozen=True)
class Wording:
    """The words of one task.

    Attributes:
        instruction: what stands behind a text and its end mark; empty if the task has no instruction.
        labels: for each label, its words between a start and an end mark; empty if a head answers the task.
    """

    instruction: tuple[int, ...] = ()
    labels: tuple[tuple[int, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.instruction or self.labels)

    @property
    def length(self) -> int:
        """The number of positions that it needs behind a text, without those of a text that is written."""
        # The start mark of labels is not read behind an instruction, and nothing is read after their end mark.
        labels = max(map(len, self.labels), default=1) - 1
        return len(self.instruction) + max(0, labels - bool(self.instruction))


def word_tasks(tasks: Mapping[str, Task], tokenizer, preset: str | None) -> dict[str, Wording]:
    """Returns the wording of each task that has one.

    Args:
        tasks: the tasks, with their label sets.
        tokenizer: a tokenizer of `tfmtl.data.tokenizers`.
        preset: the preset of the trunk, which may have a form for instructions; `None` if it is not pretrained.

    Raises:
        ConfigurationError: if a task has words that the trunk cannot read.
    """
    wordings = {}
    for name, task in tasks.items():
        words = kind_of(task).label_words(task)
        if preset is None and (words or task.instruction):
            key = "instruction" if task.instruction else "label_words"
            raise ConfigurationError(
                f"tasks.{name}.{key}: this needs a pretrained trunk that continues texts; see 'model.encoder'"
            )
        instruction = tokenizer.ids_of(parts_of_instruction(preset, task.instruction)) if task.instruction else ()
        labels = tokenizer.tokenize(tf.constant(words)).to_list() if words else ()
        _check_labels(name, words, labels, tokenizer.unknown_id if words else None)
        wordings[name] = Wording(tuple(instruction), tuple((START_ID, *ids, END_ID) for ids in labels))
    return {name: wording for name, wording in wordings.items() if wording}


def _check_labels(task: str, words: Sequence[str], ids: Sequence[Sequence[int]], unknown: int | None) -> None:
    """Raises if labels cannot be told apart by their words."""
    seen: dict[tuple[int, ...], str] = {}
    for text, of_text in zip(words, map(tuple, ids), strict=True):
        if not of_text or unknown in of_text:
            raise ConfigurationError(f"tasks.{task}.label_words: the trunk's tokenizer does not know all of '{text}'")
        if of_text in seen:
            raise ConfigurationError(
                f"tasks.{task}.label_words: '{seen[of_text]}' and '{text}' are the same to the trunk; each label needs "
                "words of its own"
            )
        seen[of_text] = text
