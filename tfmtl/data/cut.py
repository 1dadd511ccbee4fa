"""How many texts and targets lose a part, because they are longer than the model reads or writes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.errors import RunError
from tfmtl.core.regular_files import read_json
from tfmtl.data.packing import Packing
from tfmtl.data.sample import sampled, target_texts
from tfmtl.data.streams import Stream
from tfmtl.data.tokenized import token_counts
from tfmtl.kinds.kind import kind_of

HELD = 0.95
"""The share of texts that `Cut.enough` tokens would hold."""
_MARKS_OF_TARGETS = 1


@dataclass(frozen=True)
class Cut:
    """The texts of one kind that are cut.

    Attributes:
        what: the texts, in words.
        key: the key of the configuration that limits them.
        limit: its value, in tokens.
        rows: the number of rows that were measured.
        share: the share of them that are longer, from 0 to 1.
        enough: the number of tokens that would hold `HELD` of them.
        lost: the part that they lose, in words.
    """

    what: str
    key: str
    limit: int
    rows: int
    share: float
    enough: int
    lost: str = "end"

    def __str__(self) -> str:
        return (
            f"{100 * self.share:.1f} % of {self.rows} {self.what} are longer than {self.key} ({self.limit}) and lose "
            f"their {self.lost}; {self.enough} would hold {100 * HELD:.0f} %"
        )


def cuts(streams: Sequence[Stream], split: str, tokenizer, packing: Packing) -> list[Cut]:
    """Returns what is cut in a split, measured on a sample of its rows; nothing where no text is.

    Args:
        streams: the streams.
        split: the name of the split.
        tokenizer: the tokenizer of the model.
        packing: how tokens become rows.
    """
    return [cut for stream in streams for cut in _of_stream(stream, split, tokenizer, packing) if cut.share]


def _of_stream(stream: Stream, split: str, tokenizer, packing: Packing) -> Iterator[Cut]:
    examples = sampled(stream.splits[split])
    fields = [field for field in (examples.text, examples.text_pair) if field is not None]
    counts = [token_counts(tokenizer, field) for field in fields[:-1]]
    counts.append(token_counts(tokenizer, fields[-1], stream.units))
    in_windows = packing.overflow == "windows"
    if in_windows and len(fields) > 1:
        lengths = packing.needed_by_pairs(*counts)
    else:
        lengths = packing.needed(sum(counts), len(fields))
    key = "model.encoder.max_length" + (" in all windows" if in_windows else "")
    yield _cut(f"{split} texts of source '{stream.name}'", key, packing.longest, lengths, packing.lost)
    for task in stream.tasks:
        texts = target_texts(task, examples)
        if texts:
            limit = kind_of(task).target_length(task, packing.longest)
            lengths = token_counts(tokenizer, texts) + _MARKS_OF_TARGETS
            yield _cut(f"{split} targets of task '{task.name}'", f"tasks.{task.name}.max_length", limit, lengths)


def _cut(what: str, key: str, limit: int, lengths: np.ndarray, lost: str = "end") -> Cut:
    enough = int(np.quantile(lengths, HELD, method="higher"))
    return Cut(what, key, limit, len(lengths), float(np.mean(lengths > limit)), enough, lost)


def write_cut(path: Path, found: Sequence[Cut]) -> None:
    """Writes what is cut as a JSON list, atomically."""
    with atomic_write(path) as aside:
        aside.write_text(json.dumps([asdict(cut) for cut in found], indent=1) + "\n", encoding="utf-8")


def read_cut(path: Path) -> list[Cut]:
    """Returns what `write_cut` wrote; nothing if there is no such file.

    Raises:
        RunError: if the file is damaged.
    """
    if not path.is_file():
        return []
    remedy = "evaluate the run again"
    try:
        return [Cut(**cut) for cut in read_json(path, remedy)]
    except (TypeError, ValueError):
        raise RunError(f"{path}: damaged; {remedy}") from None
