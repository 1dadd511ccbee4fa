"""Presets of every family that is tested, a few kilobytes each, with random weights."""

import io
from collections.abc import Callable
from pathlib import Path

import keras_hub
import sentencepiece

models = keras_hub.models
TEXTS = ["the cat sleeps in the garden", "a dog eats the fish", "her kitten runs away", "the hound waits for rain"]
WORDS = sorted({word for text in TEXTS for word in text.split()})
SIZE = {"num_layers": 2, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}


def _word_pieces(tokenizer) -> Callable:
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "."]
    vocabulary += [piece for letter in letters for piece in (letter, f"##{letter}") if piece not in vocabulary]
    return lambda: tokenizer(vocabulary, lowercase=True)


def _byte_pairs(tokenizer) -> Callable:
    letters = ["\u0120", ".", *(chr(code) for code in range(ord("a"), ord("z") + 1))]
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *letters, "\u0120t", "he", "\u0120the", "<mask>", "<|endoftext|>"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return lambda: tokenizer(vocabulary, ["\u0120 t", "h e", "\u0120t he"])


def _sentence_pieces(tokenizer, **marks) -> Callable:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 5),
        model_writer=model,
        model_type="unigram",
        vocab_size=60,
        hard_vocab_limit=False,
        minloglevel=2,
        **marks,
    )
    return lambda: tokenizer(model.getvalue())


_OF_ALBERT = {"pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3, "bos_piece": "[CLS]", "eos_piece": "[SEP]"}
_OF_DEBERTA = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3, "pad_piece": "[PAD]", "unk_piece": "[UNK]"}
_OF_DEBERTA |= {"bos_piece": "[CLS]", "eos_piece": "[SEP]"}
_OF_T5 = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}

FAMILIES: dict[str, tuple[Callable, Callable, dict]] = {
    "bert": (models.BertBackbone, _word_pieces(models.BertTokenizer), SIZE),
    "distil_bert": (models.DistilBertBackbone, _word_pieces(models.DistilBertTokenizer), SIZE),
    "electra": (models.ElectraBackbone, _word_pieces(models.ElectraTokenizer), {**SIZE, "embedding_dim": 4}),
    "roberta": (models.RobertaBackbone, _byte_pairs(models.RobertaTokenizer), SIZE),
    "bart": (models.BartBackbone, _byte_pairs(models.BartTokenizer), SIZE),
    "gpt2": (models.GPT2Backbone, _byte_pairs(models.GPT2Tokenizer), SIZE),
    "albert": (
        models.AlbertBackbone,
        _sentence_pieces(models.AlbertTokenizer, **_OF_ALBERT, user_defined_symbols="[MASK]"),
        {**SIZE, "embedding_dim": 4},
    ),
    "deberta_v3": (models.DebertaV3Backbone, _sentence_pieces(models.DebertaV3Tokenizer, **_OF_DEBERTA), SIZE),
    "xlm_roberta": (
        models.XLMRobertaBackbone,
        _sentence_pieces(models.XLMRobertaTokenizer, unk_id=0, bos_id=1, eos_id=2),
        SIZE,
    ),
    "t5": (models.T5Backbone, _sentence_pieces(models.T5Tokenizer, **_OF_T5), {**SIZE, "num_layers": 1}),
}
"""By name: the backbone, what makes its tokenizer, and its sizes."""

MAX_LENGTH = 64


def save_preset(family: str, folder: Path, **other_sizes: int) -> Path:
    """Writes a preset of a family, with some sizes replaced; returns its folder."""
    backbone, make_tokenizer, sizes = FAMILIES[family]
    tokenizer = make_tokenizer()
    rows = "vocab_size" if family == "electra" else "vocabulary_size"
    longest = {} if family == "t5" else {"max_sequence_length": MAX_LENGTH}
    backbone(**{rows: tokenizer.vocabulary_size()}, **{**sizes, **other_sizes}, **longest).save_to_preset(str(folder))
    tokenizer.save_to_preset(str(folder))
    return folder
