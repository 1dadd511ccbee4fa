"""The step of tfmtl: a preset of BERT with random weights as the trunk, and a classification head."""

import tempfile
from pathlib import Path

import keras
import keras_hub

from benchmarks.tfmtl_step import step


def prepare(precision: str, rows: int, length: int, **sizes: int):
    """Returns a step of training on random tokens."""
    with tempfile.TemporaryDirectory() as name:
        _write_preset(Path(name), **sizes)
        values = {
            "model": {"encoder": {"type": "preset", "preset": name, "max_length": length}},
            "tasks": {"label": {"kind": "classification", "source": "texts"}},
        }
        return step(values, precision, rows, {"tokens": length})


def _write_preset(folder: Path, vocabulary: int, layers: int, heads: int, hidden: int, feedforward: int) -> None:
    """Writes a preset whose pieces are single letters and names of numbers."""
    keras.utils.set_random_seed(0)
    backbone = keras_hub.models.BertBackbone(vocabulary, layers, heads, hidden, feedforward)
    # Transformers' BERT has the exact form of GELU, and presets that are loaded from its folders get it.
    letters = [mark + letter for letter in "abcdefghijklmnopqrstuvwxyz" for mark in ("", "##")]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    pieces += [f"number{index}" for index in range(vocabulary - len(pieces))]
    backbone.save_to_preset(folder)
    keras_hub.models.BertTokenizer(pieces, lowercase=True).save_to_preset(folder)
