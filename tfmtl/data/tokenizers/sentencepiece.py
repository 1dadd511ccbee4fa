"""A SentencePiece unigram model, trained on the experiment's own texts (Kudo 2018; Kudo and Richardson 2018)."""

import io
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import keras_hub
import sentencepiece
import tensorflow as tf
from pydantic import Field, model_validator
from sentencepiece.sentencepiece_model_pb2 import ModelProto

from tfmtl.core.errors import DataError, RunError
from tfmtl.core.registry import TOKENIZERS, Options
from tfmtl.data.special_tokens import END_ID, PAD_ID, SPECIAL_IDS, START_ID, UNKNOWN_ID


class SentencePieceOptions(Options):
    """The vocabulary and the training text of the tokenizer.

    Attributes:
        vocabulary_size: the number of pieces, including the marks and the 256 bytes of the fallback; smaller if the
            text does not contain that many.
        normalization: what is changed in texts, and thus in what is written, before anything else: `none`; `nfkc`
            replaces characters by compatible ones (Unicode's NFKC); `lowercase` also folds case. White space is kept.
        training_characters: the maximum number of characters of training text that pieces are learned from.
    """

    vocabulary_size: int = Field(8000, ge=300)
    normalization: Literal["none", "nfkc", "lowercase"] = "none"
    training_characters: int = Field(20_000_000, ge=1000)

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_versions(cls, values: Any) -> Any:
        """Reads `lowercase: true` or `false`, before which there was no tokenizer without NFKC."""
        if not isinstance(values, Mapping) or not isinstance(values.get("lowercase"), bool):
            return values
        rest = {key: value for key, value in values.items() if key != "lowercase"}
        return {"normalization": "lowercase" if values["lowercase"] else "nfkc", **rest}


@TOKENIZERS.register("sentencepiece", options=SentencePieceOptions)
class SentencePieceTokenizer:
    """Pieces learned from the training text; unknown characters fall back to bytes, so that nothing is lost.

    Line breaks and tabs are pieces of their own. The word behind one of them is the same piece as behind a space, so
    that a name at the start of a line can be copied into a sentence; see `_in_words`.

    Attributes:
        proto: the serialized SentencePiece model.
        layer: the Keras layer that holds the model as a TensorFlow resource, which an export has to track.
        keeps_lines: whether line breaks and tabs are kept; models of earlier versions read them as spaces.
    """

    def __init__(self, proto: bytes):
        self.proto = proto
        self.layer = keras_hub.tokenizers.SentencePieceTokenizer(proto=proto)
        self.layer.build([None])
        pieces = sentencepiece.SentencePieceProcessor(model_proto=proto)
        self._line_break = pieces.piece_to_id("\n")
        self.keeps_lines = self._line_break != pieces.unk_id()

    @classmethod
    def train(cls, options: SentencePieceOptions, texts: Iterable[str]) -> Self:
        """Learns pieces from `texts`; the same texts in the same order yield the same pieces."""
        lines = list(_lines(texts, options.training_characters))
        if not lines:
            raise DataError("the training text is empty: there is nothing to learn a tokenizer from")
        try:
            return cls(_trained(options, lines))
        except RuntimeError as error:
            # Messages of SentencePiece begin with its own file and line.
            reason = str(error).rpartition("] ")[2] or error
            raise DataError(
                f"tokenizer.vocabulary_size: SentencePiece cannot learn {options.vocabulary_size} pieces from this "
                f"text: {reason}"
            ) from None

    @classmethod
    def load(cls, folder: Path) -> Self:
        path = Path(folder) / "sentencepiece.model"
        if not path.is_file():
            raise RunError(f"{path}: there is no tokenizer")
        try:
            return cls(path.read_bytes())
        except (RuntimeError, ValueError, tf.errors.OpError):
            raise RunError(f"{path}: damaged: this is not a SentencePiece model") from None

    def save(self, folder: Path) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / "sentencepiece.model").write_bytes(self.proto)

    @property
    def vocabulary_size(self) -> int:
        return self.layer.vocabulary_size()

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns the pieces, int32 `[batch, None]`, of texts, string `[batch]`; no marks are added."""
        return self.layer(_in_words(texts) if self.keeps_lines else texts)

    def tokenize_units(self, units: tf.Tensor, spaced: tf.Tensor) -> tf.RaggedTensor:
        """Returns the pieces, int32 `[units, None]`, of parts of texts, each as if it were a text of its own.

        Pieces do not cross white space, so those of words are the same as within their text.

        Args:
            units: the parts, string `[units]`.
            spaced: whether white space is before each of them in its text, bool `[units]`.
        """
        return self.tokenize(units)

    def detokenize(self, tokens: tf.Tensor) -> tf.Tensor:
        """Returns the texts, string `[batch]`, of ids, int32 `[batch, length]`, without marks and padding."""
        pieces = tf.ragged.boolean_mask(tokens, tokens >= SPECIAL_IDS)
        if not self.keeps_lines:
            return self.layer.detokenize(pieces)
        # TensorFlow Text drops all spaces at the start of a text, not only the one that stands before its first word.
        first = tf.fill([pieces.nrows(), 1], tf.constant(self._line_break, pieces.dtype))
        texts = self.layer.detokenize(tf.concat([first, pieces], axis=1))
        return _in_lines(tf.strings.regex_replace(texts, r"^\n ?", ""))


_BREAKS = ("\n", "\n\n", "\r\n", "\t")
"""Line breaks and tabs, each of them one piece."""
_SPACE, _STAND_IN = "\u2581", "\ufdd1"
"""What SentencePiece writes for a space, and what stands for this character in a text.

The second one is a noncharacter of Unicode, which texts do not contain.
"""


def _in_words(texts: tf.Tensor) -> tf.Tensor:
    """Returns texts with a space behind each break that a word or a space follows.

    Without it, words at the starts of lines would be other pieces than everywhere else.
    """
    texts = tf.strings.regex_replace(texts, _SPACE, _STAND_IN)
    return tf.strings.regex_replace(texts, r"([\n\t])([^\n\r\t])", r"\1 \2")


def _in_lines(texts: tf.Tensor) -> tf.Tensor:
    """Returns texts as they were before `_in_words`."""
    texts = tf.strings.regex_replace(texts, r"([\n\t]) ([^\n\r\t])", r"\1\2")
    return tf.strings.regex_replace(texts, _STAND_IN, _SPACE)


_LONGEST_LINE = 4000

_RULE_NAMES = {"nfkc": "nfkc", "lowercase": "nfkc_cf"}
"""SentencePiece's names of the normalizations."""


def _trained(options: SentencePieceOptions, lines: Iterable[str]) -> bytes:
    """Returns a serialized model; raises `RuntimeError` if SentencePiece cannot learn one."""
    written = io.BytesIO()
    # Without normalization, the table of replaced characters has only one that no text has here. SentencePiece's own
    # `identity` has none, which TensorFlow Text reports on the standard error whenever it loads a model.
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as table:
        table.write(f"{ord(_SPACE):X}\t{ord(_STAND_IN):X}\n")
        table.flush()
        rule = {"normalization_rule_tsv": table.name}
        if options.normalization in _RULE_NAMES:
            rule = {"normalization_rule_name": _RULE_NAMES[options.normalization]}
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=written,
            model_type="unigram",
            vocab_size=options.vocabulary_size,
            hard_vocab_limit=False,
            byte_fallback=True,
            character_coverage=0.9995,
            **rule,
            remove_extra_whitespaces=False,
            # Indentation takes one piece, not one for each space.
            allow_whitespace_only_pieces=True,
            user_defined_symbols=list(_BREAKS),
            max_sentence_length=_LONGEST_LINE * 4,
            pad_id=PAD_ID,
            unk_id=UNKNOWN_ID,
            bos_id=START_ID,
            eos_id=END_ID,
            minloglevel=2,
        )
    model = ModelProto.FromString(written.getvalue())
    # The table is in the model; the path of its file is different each time.
    model.normalizer_spec.ClearField("normalization_rule_tsv")
    return model.SerializeToString(deterministic=True)


def _lines(texts: Iterable[str], characters: int) -> Iterable[str]:
    for text in texts:
        for line in re.split(r"[\n\r\t]+", text):
            if line.strip():
                yield line[:_LONGEST_LINE].replace(_SPACE, _STAND_IN)
                characters -= len(line)
        if characters <= 0:
            return
