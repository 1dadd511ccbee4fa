"""What reads TensorBoard's files again."""

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util


class Recorded:
    """The events of a folder."""

    def __init__(self, folder):
        self.events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()

    @property
    def tags(self) -> set[str]:
        return set(self.events.Tags()["tensors"])

    def values(self, tag: str) -> list[tuple[int, object]]:
        """Returns (step, value) of each event, texts decoded."""
        arrays = [(event.step, tensor_util.make_ndarray(event.tensor_proto)) for event in self.events.Tensors(tag)]
        return [(step, array.item().decode() if array.dtype == object else float(array)) for step, array in arrays]


@pytest.fixture
def recorded():
    return Recorded
