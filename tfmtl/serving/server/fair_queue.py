"""A queue in which clients take turns, however much each of them asks."""

import bisect
import itertools
from collections.abc import Collection, Hashable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Orders requests by self-clocked fair queueing (Golestani 1994).

    A request is due when its client's requests before it, and itself, would have been answered if every client got the
    same share: small requests overtake large ones, and no client waits for more than its share of the others.
    """

    def __init__(self):
        self._entries: list[tuple[float, int, Item]] = []
        self._number = itertools.count()
        self._now = 0.0
        self._last: dict[Hashable, float] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Item]:
        """Iterates over the requests in the order in which they are due."""
        return (item for _, _, item in list(self._entries))

    def push(self, item: Item, client: Hashable, cost: float) -> None:
        """Adds a request.

        Args:
            item: the request.
            client: whose it is.
            cost: what it takes to answer it, in any unit.
        """
        due = self._last[client] = max(self._last.get(client, 0.0), self._now) + cost
        bisect.insort(self._entries, (due, next(self._number), item))

    def take(self, items: Collection[Item]) -> None:
        """Removes requests that are answered now."""
        taken = set(map(id, items))
        dues = [due for due, _, item in self._entries if id(item) in taken]
        self._now = max([self._now, *dues])
        self._entries = [entry for entry in self._entries if id(entry[2]) not in taken]
        self._last = {client: due for client, due in self._last.items() if due > self._now}

    def drop(self, item: Item) -> None:
        """Removes a request that is not to be answered, if it is still there."""
        self._entries = [entry for entry in self._entries if entry[2] is not item]
