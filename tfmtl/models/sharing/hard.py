"""Hard parameter sharing (Caruana 1997)."""

import keras

from tfmtl.core.registry import SHARING
from tfmtl.models.sharing.behind import SharingBehind
from tfmtl.models.trunk import States


@SHARING.register("hard")
@keras.saving.register_keras_serializable("tfmtl")
class HardSharing(SharingBehind):
    """Every task reads the same states of one trunk."""

    supports_instructions = True

    def views(self, states: States, tokens, training=None) -> dict[str, States]:
        return dict.fromkeys(self.tasks, states)
