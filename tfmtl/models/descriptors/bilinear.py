"""Heads that are bilinear in a text and in the descriptor of its task (Yang and Hospedales 2015)."""

from pydantic import Field

from tfmtl.core.registry import DESCRIPTORS, Options
from tfmtl.models.descriptors.generator import HeadGenerator, registered


class BilinearOptions(Options):
    """Options of the bilinear form.

    Attributes:
        size: the number of dimensions in which texts and descriptors are compared, for each label.
    """

    size: int = Field(32, ge=1)


@DESCRIPTORS.register("bilinear", options=BilinearOptions)
@registered
class Bilinear(HeadGenerator):
    r"""Compares projections of a text and of its task's descriptor, for each label: the scores are (P x) · (Q z).

    Yang and Hospedales 2015, eq. 1, :math:`\hat y = (P x)^\top (Q z)`, with a matrix :math:`P_c` for each class. The
    weights of a task are :math:`w_c(z) = P_c^\top Q z`, of rank `size` over all tasks, which fits descriptors that are
    longer than there are tasks, such as embedded descriptions.

    Args:
        size: the option.
        **kwargs: the arguments of `HeadGenerator` but `projections`.
    """

    def __init__(self, classes: int, attributes: int, size: int, **kwargs):
        super().__init__(classes, attributes, classes * size, **kwargs)
        self.size = size

    def build(self, states_shape, tokens_shape=None):
        super().build(states_shape, tokens_shape)
        self.of_attributes = self.add_weight((self.size, self.attributes), "glorot_uniform", name="of_attributes")

    def terms(self, projected):
        return projected @ self.of_attributes

    def get_config(self):
        return {**super().get_config(), "size": self.size}
