"""The interface of summarization to the rest of the package."""

from collections.abc import Callable

import numpy as np

from tfmtl.core.registry import KINDS
from tfmtl.data.streams import Examples
from tfmtl.kinds.kind import Answer
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.kinds.written import WrittenKind
from tfmtl.metrics.sentences import split_sentences


@KINDS.register("summarization", options=Summarization)
class SummarizationKind(WrittenKind):
    """A summary of a text, written by the task's own decoder."""

    outputs = ("summary",)

    def baselines(self, task: Summarization, train: Examples, asked: Examples) -> dict[str, Answer]:
        """Returns the first sentence, the first three sentences, and the first words of each text as its summary.

        The number of words is the mean number of words in the references of the training rows.
        """
        words = round(np.mean([len(references[0].split()) for references in train.targets[task.name]]))
        leads: dict[str, Callable[[str], str]] = {
            "first_sentence": lambda text: "".join(split_sentences(text)[:1]),
            "first_words": lambda text: " ".join(text.split()[:words]),
            "first_3_sentences": lambda text: "\n".join(split_sentences(text)[:3]),
        }
        return {
            name: {"summary": np.array([lead(text) for text in asked.text], object)} for name, lead in leads.items()
        }
