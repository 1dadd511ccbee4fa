"""Balancing by the cosines of the tasks' gradients, after Qi et al. 2024 (arXiv 2412.06249)."""

from typing import Literal

import tensorflow as tf
from pydantic import Field

from tfmtl.balancing.method import GramCombination, GramOptions
from tfmtl.balancing.solvers.quadratic import unit_gram
from tfmtl.core.registry import BALANCING


class CosineAlignmentOptions(GramOptions):
    """Which tasks are favoured, and how strongly.

    Attributes:
        favour: the tasks with larger weights: with `aligned` those that agree with the others, as in the paper's
            formula; with `different` those that do not, as in the paper's text.
        temperature: the temperature of the softmax; a large value gives all tasks the weight 1.
    """

    favour: Literal["aligned", "different"] = "aligned"
    temperature: float = Field(1.0, gt=0.0)


@BALANCING.register("cosine_alignment", options=CosineAlignmentOptions)
class CosineAlignment(GramCombination):
    r"""Tasks whose gradients agree with those of the other tasks get larger weights.

    :math:`L_{ij} = 1 - g_i \cdot g_j / (|g_i| |g_j|)`, :math:`\bar L_i` its mean over the other tasks, and
    :math:`d = \sum_i \alpha_i g_i` with :math:`\alpha = T \operatorname{softmax}(-\bar L / \tau)`.

    It scales shared parameters and heads, with weights that sum to T, needs one backward pass per task, and has no
    state.

    The paper is ambiguous. Its formula minimises :math:`L_{ij}`, which favours gradients that agree, but its text says
    that their cosine is minimised. It says neither how :math:`L_{ij}` becomes a weight nor whether gradients flow
    through it. Here it only determines the weights: the softmax is the choice of this library, the cosines are those of
    the unweighted gradients, and `favour: different` follows the text. No result of the paper is reproduced.

    >>> import tensorflow as tf
    >>> from tfmtl.balancing import get
    >>> get("cosine_alignment").aggregate(tf.constant([[1.0, 0.0], [-1.0, 1.0]], tf.float64)).numpy().round(6).tolist()
    [0.0, 1.0]
    """

    scales_heads = True

    def task_weights(self, gram, losses, present):
        cosines, norms = unit_gram(gram)
        usable = tf.cast(present & (norms > 0), gram.dtype)
        others = usable[:, None] * usable[None, :] * (1.0 - tf.eye(gram.shape[0], dtype=gram.dtype))
        loss = tf.math.divide_no_nan(tf.reduce_sum((1.0 - cosines) * others, axis=1), tf.reduce_sum(others, axis=1))
        sign = -1.0 if self.options.favour == "aligned" else 1.0
        logits = tf.where(present, sign * loss / self.options.temperature, tf.fill(tf.shape(loss), loss.dtype.min))
        return tf.reduce_sum(tf.cast(present, gram.dtype)) * tf.nn.softmax(logits)
