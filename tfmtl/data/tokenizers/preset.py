"""The tokenizer of a KerasHub preset, its marks at the ids that tfmtl gives them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from tfmtl.core.errors import ConfigurationError, RunError
from tfmtl.core.registry import TOKENIZERS, Options
from tfmtl.data.special_tokens import SPECIAL_IDS, UNKNOWN_ID

NEW_ROW = -1
"""In `piece_order`: a mark that the preset has nothing for."""


class PresetTokenizerOptions(Options):
    """Options of a preset's tokenizer.

    Attributes:
        preset: a name of KerasHub's, a handle such as `hf://...`, or the path of a local preset.
    """

    preset: str


@TOKENIZERS.register("preset", options=PresetTokenizerOptions)
class PresetTokenizer:
    """The pieces of a pretrained model; `model.encoder: {type: preset}` brings its own.

    A preset has its marks at ids of its own, so ids are put into another order: padding, mask, start and end first,
    then all pieces as they were, an unknown one among them. The encoder puts the rows of its embedding into the same
    one.

    Args:
        layer: KerasHub's tokenizer.

    Attributes:
        layer: the same, whose tables are resources, which an export has to track.
    """

    def __init__(self, layer: keras_hub.tokenizers.Tokenizer):
        self.layer = layer
        self.layer.build([None])
        order = piece_order(layer)
        places = np.zeros(layer.vocabulary_size(), np.int32)
        places[order[SPECIAL_IDS:]] = np.arange(SPECIAL_IDS, len(order))
        # A vocabulary that holds every byte has no unknown piece, and no text that would need it.
        unknown = _known(layer, "[UNK]", "<unk>")
        self._unknown = UNKNOWN_ID if unknown == NEW_ROW else int(places[unknown])
        places[[mark for mark in order[:SPECIAL_IDS] if mark != NEW_ROW]] = self._unknown
        self._order, self._places = tf.constant(order), tf.constant(places)
        # Traced once, whatever number of graphs read texts: splitting a text into byte pairs is two thousand nodes.
        self._tokenized = tf.function(self._in_our_order, [tf.TensorSpec([None], tf.string)], autograph=False)

    @classmethod
    def train(cls, options: PresetTokenizerOptions, texts: Iterable[str]) -> Self:
        """Loads the preset's tokenizer, which has learned all that it knows."""
        try:
            return cls(keras_hub.tokenizers.Tokenizer.from_preset(options.preset))
        except (AttributeError, ValueError, OSError, ImportError) as error:
            raise ConfigurationError(f"tokenizer.preset: {preset_error(options.preset, error)}") from None

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Returns what `save` has written."""
        path = Path(folder) / "tokenizer.json"
        if not path.is_file():
            raise RunError(f"{path}: there is no tokenizer")
        try:
            # The folder of a run is no whole preset: it has no backbone, without which `from_preset` finds nothing.
            layer = keras.saving.deserialize_keras_object(json.loads(path.read_text(encoding="utf-8")))
            layer.load_preset_assets(str(folder))
            return cls(layer)
        except (ValueError, TypeError, AttributeError, OSError, KeyError) as error:
            raise RunError(f"{path}: damaged: {' '.join(str(error).split())[:200]}") from None

    def save(self, folder: Path) -> None:
        """Writes the tokenizer with its files, as a preset that needs no other."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.layer.save_to_preset(str(folder))

    @property
    def vocabulary_size(self) -> int:
        return len(self._order)

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns the pieces int32 `[batch, None]` of texts, string `[batch]`; a mark in a text is unknown."""
        return self._tokenized(texts)

    def _in_our_order(self, texts: tf.Tensor) -> tf.RaggedTensor:
        pieces = self.layer.tokenize(texts)
        # What a vocabulary of bytes lacks is -1.
        places = tf.gather(self._places, tf.maximum(pieces.flat_values, 0))
        return pieces.with_flat_values(tf.where(pieces.flat_values < 0, self._unknown, places))

    def detokenize(self, tokens: tf.Tensor) -> tf.Tensor:
        """Returns texts, string `[batch]`, of ids int32 `[batch, length]`; what is no piece of a text is left out."""
        pieces = tf.ragged.boolean_mask(tokens, (tokens >= SPECIAL_IDS) & (tokens != self._unknown))
        return self.layer.detokenize(pieces.with_flat_values(tf.gather(self._order, pieces.flat_values)))


def piece_order(layer: keras_hub.tokenizers.Tokenizer) -> np.ndarray:
    """Returns, for each id of ours, that of the preset, int32 `[vocabulary]`; the first are of the marks.

    T5 starts what it writes with padding (Raffel et al. 2020) and has no start; a preset whose start is its end, such
    as GPT-2's, gets a start of its own, and padding too.
    """
    padding = getattr(layer, "pad_token_id", None)
    # GPT-2's is a piece of texts.
    padding = NEW_ROW if padding not in layer.special_token_ids else padding
    start = padding if layer.start_token_id == layer.end_token_id else layer.start_token_id
    marks = [padding, _known(layer, "[MASK]", "<mask>"), start, layer.end_token_id]
    rest = np.setdiff1d(np.arange(layer.vocabulary_size()), marks)
    return np.concatenate([marks, rest]).astype(np.int32)


def preset_error(preset: str, error: Exception) -> str:
    """Returns one line about a preset that cannot be loaded."""
    if not Path(preset).is_dir() and "/" in preset and "://" not in preset:
        return f"there is no folder '{preset}'"
    return f"'{preset}' cannot be loaded: {' '.join(str(error).split())[:200]}"


def _known(layer: keras_hub.tokenizers.Tokenizer, *names: str) -> int:
    """Returns the preset's id of the first of some pieces that it has."""
    vocabulary = layer.get_vocabulary()
    return next((int(layer.token_to_id(name)) for name in names if name in vocabulary), NEW_ROW)
