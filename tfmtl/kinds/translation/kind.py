"""The interface of translation to the rest of the package."""

from tfmtl.core.registry import KINDS
from tfmtl.data.streams import Examples
from tfmtl.kinds.kind import Answer
from tfmtl.kinds.translation.baselines import of_most_similar_text
from tfmtl.kinds.translation.options import Translation
from tfmtl.kinds.written import WrittenKind


@KINDS.register("translation", options=Translation)
class TranslationKind(WrittenKind):
    """A text in another language, written by the task's own decoder."""

    outputs = ("translation",)

    def baselines(self, task: Translation, train: Examples, asked: Examples) -> dict[str, Answer]:
        """Returns each text itself, and the translation of the training row whose text is most similar to it."""
        return {
            "copy_of_text": {"translation": asked.text},
            "translation_memory": {"translation": of_most_similar_text(train, train.targets[task.name], asked)},
        }
