"""The tokenizer of a KerasHub preset, with its ids reordered so that the marks have the ids of tfmtl."""

import inspect
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from tfmtl.core.errors import ConfigurationError, RunError
from tfmtl.core.registry import TOKENIZERS, Options
from tfmtl.data.special_tokens import SPECIAL_IDS, UNKNOWN_ID
from tfmtl.data.tokenizers.preset_files import preset_error, preset_file

_WORD_PIECES = ("bert", "distilbert")
"""The `model_type`s of Transformers whose tokenizers make pieces of words."""
NEW_ROW = -1
"""Stands in the result of `piece_order` for a mark that the preset does not have."""


class PresetTokenizerOptions(Options):
    """The preset that the tokenizer belongs to.

    Attributes:
        preset: a preset name of KerasHub, a handle such as `hf://...`, or the path of a local preset.
    """

    preset: str


@TOKENIZERS.register("preset", options=PresetTokenizerOptions)
class PresetTokenizer:
    """The vocabulary of a pretrained model; `model.encoder: {type: preset}` selects it automatically.

    A preset has its own ids for its marks, so ids are reordered: padding, mask, start and end come first, followed by
    all other tokens in their original order, the unknown token among them. The trunk reorders the rows of its embedding
    in the same way.

    Args:
        layer: the tokenizer of KerasHub.

    Attributes:
        layer: the same tokenizer; its tables are TensorFlow resources, which an export has to track.
    """

    def __init__(self, layer: keras_hub.tokenizers.Tokenizer):
        self.layer = layer
        self.layer.build([None])
        order = piece_order(layer)
        places = np.zeros(layer.vocabulary_size(), np.int32)
        places[order[SPECIAL_IDS:]] = np.arange(SPECIAL_IDS, len(order))
        # A vocabulary that contains every byte has no unknown token, and no text needs one.
        unknown = _known(layer, "[UNK]", "<unk>")
        self._unknown = UNKNOWN_ID if unknown == NEW_ROW else int(places[unknown])
        places[[mark for mark in order[:SPECIAL_IDS] if mark != NEW_ROW]] = self._unknown
        self._order, self._places = tf.constant(order), tf.constant(places)
        # Traced once for all graphs that read texts, because splitting a text into byte pairs takes 2,000 nodes.
        self._tokenized = tf.function(self._in_our_order, [tf.TensorSpec([None], tf.string)], autograph=False)

    @classmethod
    def train(cls, options: PresetTokenizerOptions, texts: Iterable[str]) -> Self:
        """Loads the preset's tokenizer, which is already trained; `texts` are not read."""
        try:
            return cls(load_tokenizer(options.preset))
        except (AttributeError, KeyError, ValueError, OSError, ImportError) as error:
            raise ConfigurationError(f"model.encoder.preset: {preset_error(options.preset, error)}") from None

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Returns the tokenizer that `save` wrote to `folder`."""
        path = Path(folder) / "tokenizer.json"
        if not path.is_file():
            raise RunError(f"{path}: there is no tokenizer")
        try:
            # The folder of a run is not a complete preset: `from_preset` would need a backbone in it.
            layer = _with_marks(json.loads(path.read_text(encoding="utf-8")))
            layer.load_preset_assets(str(folder))
            return cls(layer)
        except (ValueError, TypeError, AttributeError, OSError, KeyError) as error:
            raise RunError(f"{path}: damaged: {' '.join(str(error).split())[:200]}") from None

    def save(self, folder: Path) -> None:
        """Writes the tokenizer and its files to `folder`; loading them does not need the original preset."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.layer.save_to_preset(str(folder))
        path = Path(folder) / "tokenizer.json"
        saved = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**saved, _MARKS: _marks(self.layer)}), encoding="utf-8")

    @property
    def vocabulary_size(self) -> int:
        return len(self._order)

    @property
    def unknown_id(self) -> int | None:
        """The id of what the vocabulary lacks; `None` if it lacks nothing."""
        return None if _known(self.layer, "[UNK]", "<unk>") == NEW_ROW else self._unknown

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns the ids, int32 `[batch, None]`, of texts, string `[batch]`; a mark in a text becomes unknown."""
        return self._tokenized(texts)

    def tokenize_units(self, units: tf.Tensor, spaced: tf.Tensor) -> tf.RaggedTensor:
        """Returns the ids, int32 `[units, None]`, of parts of texts, string `[units]`.

        Args:
            units: the parts, which contain no white space.
            spaced: whether white space is before each of them in its text, bool `[units]`; pieces of a vocabulary of
                bytes begin with it.
        """
        if isinstance(self.layer, keras_hub.tokenizers.BytePairTokenizer):
            units = tf.strings.join([tf.where(spaced, " ", ""), units])
        return self.tokenize(units)

    def _in_our_order(self, texts: tf.Tensor) -> tf.RaggedTensor:
        pieces = self.layer.tokenize(texts)
        # A vocabulary of bytes gives -1 for what it lacks.
        places = tf.gather(self._places, tf.maximum(pieces.flat_values, 0))
        return pieces.with_flat_values(tf.where(pieces.flat_values < 0, self._unknown, places))

    def ids_of(self, parts: Sequence[str]) -> list[int]:
        """Returns the ids of texts and of names of special tokens in turn; an unknown name is a text."""
        ids: list[int] = []
        for index, part in enumerate(parts):
            mark = _known(self.layer, part) if index % 2 else NEW_ROW
            if mark != NEW_ROW:
                ids += np.flatnonzero(self._order == mark).tolist()
            elif part:
                ids += self.tokenize(tf.constant([part])).to_list()[0]
        return ids

    def detokenize(self, tokens: tf.Tensor) -> tf.Tensor:
        """Returns the texts, string `[batch]`, of ids, int32 `[batch, length]`, without marks and unknown tokens."""
        pieces = tf.ragged.boolean_mask(tokens, (tokens >= SPECIAL_IDS) & (tokens != self._unknown))
        return self.layer.detokenize(pieces.with_flat_values(tf.gather(self._order, pieces.flat_values)))


def piece_order(layer: keras_hub.tokenizers.Tokenizer) -> np.ndarray:
    """Returns the preset's id for each of our ids, int32 `[vocabulary]`; the first ones belong to the marks.

    T5 starts its output with padding (Raffel et al. 2020) and has no start mark. A preset whose start mark is its end
    mark, such as GPT-2's, or that has none, such as Qwen's, gets one of its own, and padding as well.
    """
    padding = getattr(layer, "pad_token_id", None)
    # The padding id of GPT-2 is an ordinary token.
    padding = NEW_ROW if padding not in layer.special_token_ids else padding
    start = padding if layer.start_token_id == layer.end_token_id else layer.start_token_id
    start = NEW_ROW if start is None else start
    marks = [padding, _known(layer, "[MASK]", "<mask>"), start, layer.end_token_id]
    rest = np.setdiff1d(np.arange(layer.vocabulary_size()), marks)
    return np.concatenate([marks, rest]).astype(np.int32)


def load_tokenizer(preset: str) -> keras_hub.tokenizers.Tokenizer:
    """Loads the tokenizer of a preset, given its name, handle or folder.

    Of a BERT of Transformers, KerasHub 0.32 converts whether it lowercases, but not that it then also strips accents,
    unless it says otherwise; words with accents would become unknown. One difference is left: where it lowercases,
    KerasHub also replaces characters by compatible ones, such as "№" by "no".
    """
    options = {}
    if json.loads(preset_file(preset, "config.json").read_text(encoding="utf-8")).get("model_type") in _WORD_PIECES:
        said = json.loads(preset_file(preset, "tokenizer_config.json").read_text(encoding="utf-8"))
        if "XLMRoberta" not in said.get("tokenizer_class", ""):
            strip = said.get("strip_accents")
            options["strip_accents"] = said["do_lower_case"] if strip is None else strip
    tokenizer = keras_hub.tokenizers.Tokenizer.from_preset(preset, **options)
    if _marks(tokenizer):
        # KerasHub puts placeholders for marks in texts, whose order changes with each process, and does not always find
        # them again. What looks like a mark in a text is a text.
        tokenizer.unsplittable_tokens = []
    return tokenizer


_MARKS = "marks"
"""The key of the arguments that KerasHub does not save."""


def _marks(layer: keras_hub.tokenizers.Tokenizer) -> dict[str, Any]:
    """Returns the marks that a tokenizer was made with, if it takes any; KerasHub 0.32 saves Llama 3's without them."""
    if "bos_token" not in inspect.signature(type(layer)).parameters:
        return {}
    rest = sorted(set(layer.special_tokens) - {layer.start_token, layer.end_token})
    return {"bos_token": layer.start_token, "eos_token": layer.end_token, "misc_special_tokens": rest}


def _with_marks(saved: dict[str, Any]) -> keras_hub.tokenizers.Tokenizer:
    """Returns the tokenizer that was saved, with the marks that it was made with."""
    marks = saved.pop(_MARKS, {})
    if marks:
        marks["misc_special_tokens"] = set(marks["misc_special_tokens"])
    return keras.saving.deserialize_keras_object({**saved, "config": {**saved["config"], **marks}})


def _known(layer: keras_hub.tokenizers.Tokenizer, *names: str) -> int:
    """Returns the id of the first token in `names` that the preset has, `NEW_ROW` if it has none of them."""
    vocabulary = layer.get_vocabulary()
    return next((int(layer.token_to_id(name)) for name in names if name in vocabulary), NEW_ROW)
