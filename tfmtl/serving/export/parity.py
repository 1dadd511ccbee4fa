"""Checks that an export gives the same answers as the model that it was made from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfmtl.core.errors import RunError
from tfmtl.data.special_tokens import PAD_ID, SPECIAL_IDS
from tfmtl.serving.export.signatures import GraphFunction

_TOLERANCE = 1e-5
_LENGTHS = (3, 12, 40, 2000)


def check_parity(export: Path, model: GraphFunction, texts: Sequence[bytes]) -> None:
    """Compares every signature of an export with the model itself, on the same texts.

    Args:
        export: the directory of one version.
        model: the result of `tfmtl.serving.export.signatures.trace` for every task.
        texts: the texts to compare on; if pairs are read, each text is paired with the next.

    Raises:
        RuntimeError: if a label or a summary differs, or a number differs by more than 1e-5, relatively if it is above
            1.
        RunError: if the model itself answers with numbers that are not finite.
    """
    columns = {"text": texts, "text_pair": [*texts[1:], *texts[:1]]}
    inputs = {spec.name: tf.constant(np.array(columns[spec.name], object)) for spec in model.input_signature}
    expected = model(**inputs)
    for name, signature in tf.saved_model.load(str(export)).signatures.items():
        for output, values in signature(**inputs).items():
            _compare(f"{name}/{output}", values.numpy(), expected[output].numpy(), texts)


def probe_texts(tokenizer) -> list[bytes]:
    """Returns texts of a run's own tokens, both short and longer than any row, and texts that break tokenizers."""
    generator = np.random.default_rng(0)
    pieces = generator.integers(SPECIAL_IDS, tokenizer.vocabulary_size, [len(_LENGTHS), max(_LENGTHS)])
    kept = np.arange(max(_LENGTHS)) < np.array(_LENGTHS)[:, None]
    detokenize = tf.function(tokenizer.detokenize, autograph=False)
    written = detokenize(tf.constant(np.where(kept, pieces, PAD_ID), tf.int32))
    return [b"", "\U0001f600 \u200d\u0301".encode(), b"\x00\x07\r\n", b"\xff\xfe broken", *written.numpy()]


def _compare(place: str, found: np.ndarray, expected: np.ndarray, texts: Sequence[bytes]) -> None:
    if found.dtype == object:
        same = (found == expected).reshape(len(texts), -1).all(axis=1) if found.size else np.ones(len(texts), bool)
    else:
        found, expected = found.astype(np.float64), expected.astype(np.float64)
        if not np.isfinite(expected).all():
            raise RunError(f"the model answers '{place}' with numbers that are not finite; train it again")
        close = np.abs(found - expected) <= _TOLERANCE * np.maximum(1.0, np.abs(expected))
        same = close.reshape(len(texts), -1).all(axis=1)
    if not same.all():
        row = int(np.argmin(same))
        raise RuntimeError(
            f"the export does not answer as the model does: {place} of {texts[row][:60]!r} is {found[row]!r}, "
            f"the model says {expected[row]!r}"
        )
