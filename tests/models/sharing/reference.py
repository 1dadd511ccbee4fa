"""Experts and gates in NumPy, from the formulas of the papers."""

import numpy as np


def expert(layer, states: np.ndarray) -> np.ndarray:
    """`relu(x W + b) V + c`."""
    first, first_bias, second, second_bias = (variable.numpy() for variable in layer.trainable_variables)
    return np.maximum(states @ first + first_bias, 0.0) @ second + second_bias


def mixed(gate, states: np.ndarray, tokens: np.ndarray, experts: list[np.ndarray]) -> np.ndarray:
    """The sum of the experts, weighted by the softmax of `W` times the mean of the states of a text."""
    (weights,) = (variable.numpy() for variable in gate.trainable_variables)
    rows = []
    for row, text in enumerate(tokens):
        scores = states[row][text != 0].mean(axis=0) @ weights
        shares = np.exp(scores) / np.exp(scores).sum()
        rows.append(sum(share * expert[row] for share, expert in zip(shares, experts, strict=True)))
    return np.stack(rows)
