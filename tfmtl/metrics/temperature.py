"""The temperature by which logits are divided, so that probabilities are as high as their answers are often right.

Temperature scaling (Guo et al. 2017, "On calibration of modern neural networks", section 4.2) has one parameter, which
minimises the negative log-likelihood of rows with known labels. It changes no order of probabilities, and so no label.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

LIMITS = (0.05, 20.0)
"""The smallest and the largest temperature."""


def softmax_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    r"""Returns the temperature T with the smallest mean of :math:`-\log \mathrm{softmax}(z / T)_y`.

    As a function of 1 / T this mean is convex. Its derivative is the mean of :math:`\sum_k p_k z_k - z_y`, whose only
    zero is found in float64. The temperature is 1 if there is no minimum: if the largest logit of every row is that of
    its label, the lower the temperature, the higher the likelihood; and if the logits of each row are equal, all
    temperatures are.

    Args:
        logits: the logits z, `[rows, classes]`.
        targets: the labels y, int `[rows]`.
    """
    logits = np.asarray(logits, np.float64)
    logits = logits - logits.max(axis=1, keepdims=True, initial=-np.inf)
    of_label = np.take_along_axis(logits, np.asarray(targets)[:, None], axis=1)[:, 0]
    if not of_label.any() or not logits.any():
        return 1.0

    def slope(log_temperature: float) -> float:
        probabilities = softmax(logits / np.exp(log_temperature), axis=1)
        return float(((probabilities * logits).sum(axis=1) - of_label).mean())

    low, high = np.log(LIMITS)
    if slope(low) <= 0.0:
        return LIMITS[0]
    if slope(high) >= 0.0:
        return LIMITS[1]
    return float(np.exp(brentq(slope, low, high, xtol=1e-10)))


def sigmoid_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    r"""Returns the temperature T with the smallest mean binary cross-entropy of :math:`\sigma(z / T)`.

    Each number is a choice between two classes, of which the other one has the logit 0; see `softmax_temperature`.

    Args:
        logits: the logits z, `[rows, classes]`.
        targets: whether each row has each label, int `[rows, classes]`, 0 or 1.
    """
    of_label = np.asarray(logits, np.float64).ravel()
    return softmax_temperature(np.stack([np.zeros_like(of_label), of_label], axis=1), np.asarray(targets).ravel())
