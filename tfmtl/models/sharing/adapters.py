"""Adapters of each task inside the layers of a shared trunk (Houlsby et al. 2019; Pfeiffer et al. 2021)."""

from typing import Literal

import keras
from pydantic import Field

from tfmtl.core.registry import SHARING, Options
from tfmtl.models.layers.adapter import Adapter
from tfmtl.models.layers.layer_change import LayerChange, unchanged
from tfmtl.models.sharing.changed_layers import ChangedLayers


class AdaptersOptions(Options):
    """Options of adapters.

    Attributes:
        bottleneck: the width of an adapter.
        variant: `houlsby` has an adapter behind the attention and one behind the feed-forward network of each layer,
            `pfeiffer` only the latter.
    """

    bottleneck: int = Field(64, ge=1)
    variant: Literal["houlsby", "pfeiffer"] = "houlsby"


@SHARING.register("adapters", options=AdaptersOptions)
@keras.saving.register_keras_serializable("tfmtl")
class AdaptersSharing(ChangedLayers):
    r"""Adapters of each task inside the shared layers of the trunk; a text is read once for each task.

    An adapter changes the output of a sublayer before it is added to the sublayer's input:
    :math:`h + U \operatorname{gelu}(D h)` (Houlsby et al. 2019, section 2.1). :math:`U` is zero at first, so that each
    task begins with the trunk as it is.

    Differences from the papers: the trunk is trained too unless `model.encoder.frozen` is true; its normalisation
    layers are shared.

    Args:
        **kwargs: the arguments of `SharingScheme`, and `AdaptersOptions`.
    """

    options_class = AdaptersOptions

    def build_inside(self, layers: int, hidden: int) -> None:
        parts = ("attention", "feedforward") if self.options.variant == "houlsby" else ("feedforward",)
        self.adapters = {
            task: [{part: self._adapter(f"{task}_layer_{i}_{part}", hidden) for part in parts} for i in range(layers)]
            for task in self.tasks
        }

    def _adapter(self, name: str, hidden: int) -> Adapter:
        adapter = Adapter(self.options.bottleneck, name=name, dtype=self.dtype_policy)
        adapter.build((None, None, hidden))
        return adapter

    def changes(self, task, tokens):
        return [
            LayerChange(attention=_after(parts.get("attention")), feedforward=_after(parts["feedforward"]))
            for parts in self.adapters[task]
        ]

    def own_variables(self, task: str) -> list[keras.Variable]:
        adapters = [adapter for parts in self.adapters[task] for adapter in parts.values()]
        return [variable for adapter in adapters for variable in adapter.trainable_variables]


def _after(adapter: Adapter | None):
    return unchanged if adapter is None else lambda output, read: adapter(output)
