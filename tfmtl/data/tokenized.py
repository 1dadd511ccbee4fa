"""Turns strings into packed tokens in graph, in parallel and in order."""

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfmtl.data.columns import RaggedColumn
from tfmtl.data.packing import Packing, pack_target
from tfmtl.data.special_tokens import PAD_ID

_TOKENIZED_AT_ONCE = 512
_STRINGS = tf.TensorSpec([None], tf.string)


def tokenize_texts(tokenizer, texts: np.ndarray, pairs: np.ndarray | None, packing: Packing) -> RaggedColumn:
    """Returns the packed rows of texts, or of pairs of texts, as the model reads them.

    Args:
        tokenizer: a tokenizer of `tfmtl.data.tokenizers`.
        texts: the texts, strings `[rows]`.
        pairs: the second texts, strings `[rows]`; `None` for single texts.
        packing: how tokens become rows.
    """
    if pairs is None:
        return _tokenize(_text_packer(tokenizer, packing), texts)
    return _tokenize(_pair_packer(tokenizer, packing), texts, pairs)


def tokenize_targets(tokenizer, targets: Sequence[str | None], max_length: int) -> RaggedColumn:
    """Returns the packed rows of texts that a decoder is to write; a row without a target is empty.

    Args:
        tokenizer: a tokenizer of `tfmtl.data.tokenizers`.
        targets: the texts `[rows]`; `None` where a row has no target.
        max_length: the maximum number of tokens that are written, including the end mark.
    """
    present = np.fromiter((target is not None for target in targets), bool, len(targets))
    texts = np.array([target for target in targets if target is not None], object)
    packed = _tokenize(_target_packer(tokenizer, max_length), texts)
    return packed.take(np.where(present, np.cumsum(present) - 1, -1))


def token_counts(tokenizer, texts: Sequence[str]) -> np.ndarray:
    """Returns the number of tokens of each text, without marks, int `[rows]`."""
    return _counter(tokenizer)(tf.constant(list(texts))).numpy()


def written_back(tokenizer, texts: Sequence[str]) -> list[str]:
    """Returns the texts that a tokenizer makes of the tokens of texts."""
    return [text.decode("utf-8", "replace") for text in _there_and_back(tokenizer)(tf.constant(list(texts))).numpy()]


# Cached, so that each function is traced once for all splits.
@functools.lru_cache(maxsize=4)
def _text_packer(tokenizer, packing: Packing):
    return tf.function(lambda text: packing.text(tokenizer.tokenize(text)), [_STRINGS], autograph=False)


@functools.lru_cache(maxsize=4)
def _pair_packer(tokenizer, packing: Packing):
    def pack(text, pair):
        return packing.pair(tokenizer.tokenize(text), tokenizer.tokenize(pair))

    return tf.function(pack, [_STRINGS, _STRINGS], autograph=False)


@functools.lru_cache(maxsize=4)
def _target_packer(tokenizer, max_length: int):
    return tf.function(lambda text: pack_target(tokenizer.tokenize(text), max_length), [_STRINGS], autograph=False)


@functools.lru_cache(maxsize=4)
def _counter(tokenizer):
    return tf.function(lambda text: tokenizer.tokenize(text).row_lengths(), [_STRINGS], autograph=False)


@functools.lru_cache(maxsize=4)
def _there_and_back(tokenizer):
    def written(texts):
        return tokenizer.detokenize(tokenizer.tokenize(texts).to_tensor(PAD_ID))

    return tf.function(written, [_STRINGS], autograph=False)


def _tokenize(pack, *columns: np.ndarray) -> RaggedColumn:
    if not len(columns[0]):
        return RaggedColumn.empty()
    tensors = tuple(tf.constant(column.tolist()) for column in columns)
    if len(columns[0]) <= _TOKENIZED_AT_ONCE:
        # For so few rows, a pipeline would take longer to build than to tokenize them directly.
        packed = pack(*tensors)
        return RaggedColumn(packed.values.numpy(), packed.row_splits.numpy())
    rows = tf.data.Dataset.from_tensor_slices(tensors).batch(_TOKENIZED_AT_ONCE)
    packed = rows.map(pack, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    return RaggedColumn.join([RaggedColumn(batch.values.numpy(), batch.row_splits.numpy()) for batch in packed])
