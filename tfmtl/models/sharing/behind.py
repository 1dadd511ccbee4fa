"""The base of sharing schemes that act behind the trunk, which reads a text once for all tasks."""

from abc import abstractmethod

from tfmtl.models.sharing.scheme import SharingScheme
from tfmtl.models.trunk import States


class SharingBehind(SharingScheme):
    """Base of schemes in which each task has a view of the states that the trunk made for all of them."""

    @abstractmethod
    def views(self, states: States, tokens, training=None) -> dict[str, States]:
        """Returns the input of each task's head or decoder, by task."""

    def read(self, embedded, tokens, training=None) -> tuple[States, dict[str, States]]:
        states = self.trunk.read(embedded, tokens, training=training)
        return states, self.views(states, tokens, training=training)
