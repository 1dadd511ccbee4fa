"""The fields of a row that hold the text and its pair."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from tfmtl.core.errors import DataError, nearest, quoted
from tfmtl.core.values import value_of
from tfmtl.kinds.task import field_names
from tfmtl.serving.export.served_task import ServedTask

Reading = tuple[str, ...]
"""The fields that are read as one text."""

TEXT, TEXT_PAIR = ("text",), ("text_pair",)


@dataclass(frozen=True)
class TextFields:
    """The fields that may hold the text of a row: those that the tasks were trained to read, and `text`.

    Attributes:
        pairs: for each reading of a text, those of the second text of a pair.
        missing: for each reading that a task was trained on, the texts that stand for a missing value in its source,
            one list for each task; `None` for those of the format.
    """

    pairs: Mapping[Reading, tuple[Reading, ...]]
    missing: Mapping[Reading, tuple[Collection[str] | None, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, tasks: Mapping[str, ServedTask]) -> Self:
        """Returns the fields for rows that tasks are asked about."""
        pairs: dict[Reading, dict[Reading, None]] = {field_names(task.text): {} for task in tasks.values()} | {TEXT: {}}
        for task in tasks.values():
            if task.pair:
                pairs[field_names(task.text)][field_names(task.text_pair)] = None
        missing: dict[Reading, list[Collection[str] | None]] = {}
        for task in tasks.values():
            missing.setdefault(field_names(task.text), []).append(task.missing)
        return cls(
            {text: tuple({**seconds, TEXT_PAIR: None}) for text, seconds in pairs.items()},
            {text: tuple(lists) for text, lists in missing.items()},
        )

    def only(self, *text: str) -> Self:
        """Returns the fields for rows whose text is in the fields `text`, whatever the tasks were trained to read."""
        seconds = dict.fromkeys(second for pairs in self.pairs.values() for second in pairs)
        return type(self)({text: tuple(seconds)}, self.missing)

    def stands_for_missing(self, text: Reading, of_format: Collection[str]) -> frozenset[str]:
        """Returns what stands for a missing value for any of the tasks that read a text, or of all if none is known to.

        Args:
            text: the fields of the text.
            of_format: what does so in the format of the rows, unless the source of a task says otherwise.
        """
        lists = self.missing.get(text) or [each for lists in self.missing.values() for each in lists] or [None]
        return frozenset().union(*(of_format if each is None else each for each in lists))

    def among(self, row: Mapping[str, Any], place: str) -> tuple[Reading, Reading | None]:
        """Returns the fields of the text, and those of its pair or `None`, among the fields of a row or of a table.

        Raises:
            DataError: if there is no text, a part of it is not there, or several fields could hold the text or its
                pair.
        """
        texts = [text for text in self.pairs if _has(row, text)]
        if not texts:
            raise self._missing(row, place)
        (text,) = _only(texts, place)
        seconds = [second for second in self.pairs[text] if _has(row, second) and not set(second) & set(text)]
        return text, next(iter(_only(seconds, place)), None)

    def _missing(self, row: Mapping[str, Any], place: str) -> DataError:
        for text in self.pairs:
            absent = [field for field in text if not _has(row, (field,))]
            if len(absent) < len(text):
                found = [field for field in text if field not in absent]
                return DataError(
                    f"{place}: there is no '{absent[0]}', which is read together with {quoted(found)} as one text; "
                    f"{nearest(absent[0], row)}"
                )
        expected = " or ".join(quoted(text) for text in self.pairs)
        return DataError(f"{place}: there is no {expected}; {self._nearest(row)}")

    def _nearest(self, row: Mapping[str, Any]) -> str:
        """Returns the phrase of `nearest` for the first field that a known one resembles."""
        phrases = [nearest(field, row) for text in self.pairs for field in text]
        return next((phrase for phrase in phrases if phrase.startswith("did you mean")), phrases[0])


def _has(row: Mapping[str, Any], reading: Reading) -> bool:
    return all(value_of(row, field)[0] for field in reading)


def _only(found: list[Reading], place: str) -> list[Reading]:
    if len(found) > 1:
        listed = " and ".join(quoted(reading, "with") for reading in found)
        raise DataError(f"{place}: {listed} could each hold the text that is asked about; leave one")
    return found


DOCUMENTED = TextFields.of({})
"""The fields of rows for tasks that are not known: `text` and `text_pair`."""
