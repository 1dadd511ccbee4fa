"""How many targets the tokenizer of a model cannot write as they are, because it changes texts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfmtl.data.sample import sampled, target_texts
from tfmtl.data.streams import Stream
from tfmtl.data.tokenized import written_back

_SPACES = re.compile(r"\s+")
_SHOWN = 60
"""The number of characters of a target that a message shows."""


@dataclass(frozen=True)
class Unwritable:
    """The targets of a task that come back from the tokenizer as other texts.

    Attributes:
        task: the name of the task.
        split: the name of the split.
        rows: the number of rows that were measured.
        share: the share of them whose target comes back as another text, from 0 to 1.
        changes: what changes in any of them, in words.
        target: the shortest of these targets.
        written: what it comes back as.
    """

    task: str
    split: str
    rows: int
    share: float
    changes: tuple[str, ...]
    target: str
    written: str

    def __str__(self) -> str:
        return (
            f"{100 * self.share:.1f} % of {self.rows} {self.split} targets of task '{self.task}' cannot be written as "
            f"they are, because the tokenizer changes {' and '.join(self.changes)}: {_shown(self.target)} becomes "
            f"{_shown(self.written)}; what is written is compared with targets as they are"
        )


def unwritable(streams: Sequence[Stream], split: str, tokenizer) -> list[Unwritable]:
    """Returns the tasks with targets that the tokenizer cannot write, measured on a sample of the rows of a split."""
    found = []
    for stream in streams:
        examples = sampled(stream.splits[split])
        for task in stream.tasks:
            targets = target_texts(task, examples)
            written = written_back(tokenizer, targets) if targets else []
            changed = [pair for pair in zip(targets, written, strict=True) if pair[0] != pair[1]]
            if changed:
                changes = sorted({change for pair in changed for change in _changes(*pair)})
                shortest = min(changed, key=lambda pair: len(pair[0]))
                share = len(changed) / len(targets)
                found.append(Unwritable(task.name, split, len(targets), share, tuple(changes), *shortest))
    return found


def _changes(target: str, written: str) -> Iterator[str]:
    """Yields what a tokenizer has changed in a text."""
    if target.count("\n") != written.count("\n"):
        yield "line breaks"
    elif _SPACES.findall(target) != _SPACES.findall(written):
        yield "white space"
    words = [_SPACES.sub("", text) for text in (target, written)]
    if words[0] != words[1]:
        yield "case" if words[0].casefold() == words[1].casefold() else "characters"


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
