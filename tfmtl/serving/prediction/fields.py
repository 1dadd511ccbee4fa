"""The fields of a row that hold the text and its pair."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

from tfmtl.core.errors import DataError, nearest
from tfmtl.serving.export.served_task import ServedTask

TEXT, TEXT_PAIR = "text", "text_pair"


@dataclass(frozen=True)
class TextFields:
    """The fields that may hold the text of a row: those that the tasks were trained to read, and `text`.

    Attributes:
        pairs: for each field of a text, those that may hold the second text of a pair.
    """

    pairs: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, tasks: Mapping[str, ServedTask]) -> Self:
        """Returns the fields for rows that tasks are asked about."""
        pairs: dict[str, dict[str, None]] = {task.text: {} for task in tasks.values()} | {TEXT: {}}
        for task in tasks.values():
            if task.pair:
                pairs[task.text][task.text_pair] = None
        return cls({text: tuple({**seconds, TEXT_PAIR: None}) for text, seconds in pairs.items()})

    def only(self, text: str) -> Self:
        """Returns the fields for rows whose text is in the field `text`, whatever the tasks were trained to read."""
        seconds = dict.fromkeys(second for pairs in self.pairs.values() for second in pairs)
        return type(self)({text: tuple(seconds)})

    def among(self, known: Collection[str], place: str) -> tuple[str, str | None]:
        """Returns the field of the text, and that of its pair or `None`, among the fields of a row.

        Raises:
            DataError: if there is no text, or if several fields could hold the text or its pair.
        """
        texts = [text for text in self.pairs if text in known]
        if not texts:
            expected = " or ".join(f"'{text}'" for text in self.pairs)
            raise DataError(f"{place}: there is no {expected}; {self._nearest(known)}")
        (text,) = _only(texts, place)
        seconds = [second for second in self.pairs[text] if second in known and second != text]
        return text, next(iter(_only(seconds, place)), None)

    def _nearest(self, known: Collection[str]) -> str:
        """Returns the phrase of `nearest` for the first field that a known one resembles."""
        phrases = [nearest(text, known) for text in self.pairs]
        return next((phrase for phrase in phrases if phrase.startswith("did you mean")), phrases[0])


def _only(found: list[str], place: str) -> list[str]:
    if len(found) > 1:
        listed = " and ".join(f"'{field}'" for field in found)
        raise DataError(f"{place}: {listed} could each hold the text that is asked about; leave one")
    return found


DOCUMENTED = TextFields.of({})
"""The fields of rows for tasks that are not known: `text` and `text_pair`."""
