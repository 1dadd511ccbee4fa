"""A SentencePiece unigram model, trained on the experiment's own texts (Kudo 2018; Kudo and Richardson 2018)."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import keras_hub
import sentencepiece
import tensorflow as tf
from pydantic import Field

from tfmtl.core.errors import DataError, RunError
from tfmtl.core.registry import TOKENIZERS, Options
from tfmtl.data.special_tokens import END_ID, PAD_ID, SPECIAL_IDS, START_ID, UNKNOWN_ID


class SentencePieceOptions(Options):
    """The vocabulary and the training text of the tokenizer.

    Attributes:
        vocabulary_size: the number of pieces, including the marks and the 256 bytes of the fallback; smaller if the
            text does not contain that many.
        lowercase: whether case is folded before anything else; summaries are then written in lower case.
        training_characters: the maximum number of characters of training text that pieces are learned from.
    """

    vocabulary_size: int = Field(8000, ge=300)
    lowercase: bool = False
    training_characters: int = Field(20_000_000, ge=1000)


@TOKENIZERS.register("sentencepiece", options=SentencePieceOptions)
class SentencePieceTokenizer:
    """Pieces learned from the training text; unknown characters fall back to bytes, so that nothing is lost.

    Attributes:
        proto: the serialized SentencePiece model.
        layer: the Keras layer that holds the model as a TensorFlow resource, which an export has to track.
    """

    def __init__(self, proto: bytes):
        self.proto = proto
        self.layer = keras_hub.tokenizers.SentencePieceTokenizer(proto=proto)
        self.layer.build([None])

    @classmethod
    def train(cls, options: SentencePieceOptions, texts: Iterable[str]) -> Self:
        """Learns pieces from `texts`; the same texts in the same order yield the same pieces."""
        lines = [line for line in _lines(texts, options.training_characters)]
        if not lines:
            raise DataError("the training text is empty: there is nothing to learn a tokenizer from")
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(lines),
                model_writer=model,
                model_type="unigram",
                vocab_size=options.vocabulary_size,
                hard_vocab_limit=False,
                byte_fallback=True,
                character_coverage=0.9995,
                normalization_rule_name="nmt_nfkc_cf" if options.lowercase else "nmt_nfkc",
                max_sentence_length=_LONGEST_LINE * 4,
                pad_id=PAD_ID,
                unk_id=UNKNOWN_ID,
                bos_id=START_ID,
                eos_id=END_ID,
                minloglevel=2,
            )
        except RuntimeError as error:
            # Messages of SentencePiece begin with its own file and line.
            reason = str(error).rpartition("] ")[2] or error
            raise DataError(
                f"tokenizer.vocabulary_size: SentencePiece cannot learn {options.vocabulary_size} pieces from this "
                f"text: {reason}"
            ) from None
        return cls(model.getvalue())

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
        return self.layer(texts)

    def detokenize(self, tokens: tf.Tensor) -> tf.Tensor:
        """Returns the texts, string `[batch]`, of ids, int32 `[batch, length]`, without marks and padding."""
        return self.layer.detokenize(tf.ragged.boolean_mask(tokens, tokens >= SPECIAL_IDS))


_LONGEST_LINE = 4000


def _lines(texts: Iterable[str], characters: int) -> Iterable[str]:
    for text in texts:
        for line in text.split("\n"):
            if line.strip():
                yield line[:_LONGEST_LINE]
                characters -= len(line)
        if characters <= 0:
            return
