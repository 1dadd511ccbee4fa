"""The rows of a pretrained embedding, in the order of the ids of tfmtl's tokenizer."""

import numpy as np

from tfmtl.core.errors import ConfigurationError
from tfmtl.data.special_tokens import END_ID, START_ID
from tfmtl.data.tokenizers.preset import NEW_ROW, load_tokenizer, piece_order


def rows_in_token_order(preset: str, backbone: str, weights: list[np.ndarray]) -> list[np.ndarray]:
    """Returns the weights of an embedding, with a row for each token.

    Args:
        preset: the preset, whose tokenizer has the order.
        backbone: the name of the class of its backbone.
        weights: the rows that tokens are read with, `[pieces, width]`; and, if they are written with others, these as
            columns, `[width, pieces]`.

    Raises:
        ConfigurationError: if the tokenizer is from another family, or has tokens for which the preset has no row.
    """
    tokenizer = load_tokenizer(preset)
    family = tokenizer.backbone_cls
    if family is not None and family.__name__ != backbone:
        raise ConfigurationError(
            f"model.encoder.preset: the tokenizer of '{preset}' belongs to a {family.__name__}, not to its {backbone}"
        )
    order = piece_order(tokenizer)
    rows, *projection = weights
    if order.max() >= len(rows):
        raise ConfigurationError(
            f"model.encoder.preset: the tokenizer of '{preset}' has {order.max() + 1} tokens, its backbone {len(rows)}"
        )
    return [_in_order(rows, order), *(_in_order(columns.T, order).T for columns in projection)]


def _in_order(rows: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Returns rows in the order of the tokenizer's ids.

    Missing ones are drawn to be like the others; but a model without a start mark has learned that a text begins after
    the end of another, so that its start mark is a copy of its end mark.
    """
    new = np.random.default_rng(0).normal(0.0, rows.std(), [len(order), rows.shape[1]]).astype(rows.dtype)
    new[START_ID] = rows[order[END_ID]]
    return np.where(order[:, None] == NEW_ROW, new, rows[order])
