"""Hard parameter sharing (Caruana 1997)."""

from keras import KerasTensor

from tfmtl.registry import SHARING, Options


@SHARING.register("hard")
class HardSharing:
    """Every task reads the same states of one trunk."""

    def __init__(self, options: Options):
        self.options = options

    def states_for(self, task: str, states: KerasTensor) -> KerasTensor:
        """Returns what the head of `task` reads, `[batch, length, hidden]`."""
        return states
