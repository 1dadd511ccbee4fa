"""Heads whose weights are a tensor times the descriptor of a task (Yang and Hospedales 2017)."""

from tfmtl.core.registry import DESCRIPTORS
from tfmtl.models.descriptors.generator import HeadGenerator, registered


@DESCRIPTORS.register("tensor")
@registered
class Tensor(HeadGenerator):
    r"""Adds weights of each attribute, as many as its value in the descriptor of a task says.

    :math:`w_c(z) = \mathcal{W}_c \times_3 z` (Yang and Hospedales 2017, eq. 4) with a full tensor, which fits few
    attributes. One-hot descriptors give each task a head of its own and, by the attribute that all have, a common one.

    Args:
        **kwargs: the arguments of `HeadGenerator` but `projections`.
    """

    def __init__(self, classes: int, attributes: int, **kwargs):
        super().__init__(classes, attributes, classes * attributes, **kwargs)

    def terms(self, projected):
        return projected
