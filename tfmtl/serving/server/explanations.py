"""Explanations of a server's answers, from further answers of the same version."""

import numpy as np

from tfmtl.generation.batch_reader import decoded
from tfmtl.serving.export.signatures import WITHOUT_DECODERS, signatures
from tfmtl.serving.prediction.explain import explained, explanation, joined_answers, without, words_of
from tfmtl.serving.prediction.rows import Row
from tfmtl.serving.server.calls import Call
from tfmtl.serving.server.faults import Fault, RequestError
from tfmtl.serving.server.servable import Arrays
from tfmtl.serving.server.versions import Version

MOST_WORDS = 1024
"""The number of words that are explained in one request, each of which takes an answer."""

MOST_CHARACTERS = 32768
"""The number of characters in the texts of such a request, which are read once for each of their words."""

_AT_ONCE = 16
"""The rows that are asked about together, few enough that other clients are answered in between."""


async def explanations(version: Version, signature: str, inputs: Arrays, call: Call) -> dict[str, list]:
    """Returns the explanation of each task of a signature for each row, `<task>_explanation`.

    Args:
        version: the version that answers.
        signature: the signature that was asked.
        inputs: the inputs of the request, which have been checked.
        call: the request.

    Raises:
        RequestError: if the signature has no task that can be explained, or the texts have too many words.
    """
    served = version.servable.description.tasks
    tasks = explained({name: served[name] for name in signatures(served)[signature]})
    if not tasks:
        raise RequestError(Fault.INVALID, f"signature '{signature}' has no answer that can be explained")
    texts = {name: decoded(values) for name, values in inputs.items()}
    rows = [Row(**dict(zip(texts, row, strict=True))) for row in zip(*texts.values(), strict=True)]
    _check_size(sum(len(text) for of_input in texts.values() for text in of_input), MOST_CHARACTERS, "characters")
    words = [words_of(row) for row in rows]
    _check_size(sum(map(len, words)), MOST_WORDS, "words")
    found: dict[str, list] = {f"{name}_explanation": [] for name in tasks}
    for row, of_row in zip(rows, words, strict=True):
        asked = [row, *(without(row, word) for word in of_row)]
        answers = joined_answers(await _answered(version, asked, tuple(inputs), call), tasks)
        for name, task in tasks.items():
            found[f"{name}_explanation"].append(explanation(task, answers[name], of_row))
    return found


def _check_size(size: int, most: int, what: str) -> None:
    if size > most:
        raise RequestError(Fault.INVALID, f"the texts have {size} {what}; at most {most} are explained in one request")


async def _answered(version: Version, rows: list[Row], names: tuple[str, ...], call: Call) -> list[dict]:
    """Returns the outputs for some rows after the other."""
    parts = []
    for start in range(0, len(rows), _AT_ONCE):
        chosen = rows[start : start + _AT_ONCE]
        inputs = {name: _strings([getattr(row, name) for row in chosen]) for name in names}
        outputs = await version.predict(WITHOUT_DECODERS, inputs, call)
        parts.append({name: decoded(values) for name, values in outputs.items()})
    return parts


def _strings(texts: list[str]) -> np.ndarray:
    array = np.empty(len(texts), object)
    array[:] = [text.encode("utf-8", "replace") for text in texts]
    return array
