"""An amount that requests share, of which the client that holds the most gives way to those that hold less."""

import asyncio
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from tfmtl.serving.server.faults import Fault, RequestError


class Share:
    """What one request holds of a budget.

    Args:
        budget: the budget.
        client: whose request it is.
        task: the task that answers it.
    """

    def __init__(self, budget: "Budget", client: Hashable, task: asyncio.Task):
        self._budget = budget
        self.client = client
        self.amount = 0
        self.is_displaced = False
        self._task = task
        self.cancellations = task.cancelling()

    def grow(self, amount: int) -> None:
        """Takes more of the budget.

        Raises:
            RequestError: if there is not enough, and no other client holds more than this one would.
        """
        self._budget.make_room(self.client, amount)
        self._budget.held[self.client] += amount
        self.amount += amount

    def release(self) -> None:
        """Gives back all of it."""
        self._budget.held[self.client] -= self.amount
        if self._budget.held[self.client] <= 0:
            del self._budget.held[self.client]
        self.amount = 0

    def displace(self) -> None:
        """Ends the request, for one of another client."""
        self.release()
        self.is_displaced = True
        self._task.cancel()

    def was_displaced(self) -> bool:
        """Whether this is why the task has been cancelled; the cancellation then ends here."""
        return self.is_displaced and self._task.uncancel() <= self.cancellations


class Budget:
    """An amount, such as of bytes or rows, that all requests share.

    Where it is used up, a client that would hold less of it than another takes the other's place (longest queue drop,
    Suter et al. 1998): so a client with many or large requests cannot shut out the others.

    Args:
        limit: the amount. If nothing of it is held, a single request may exceed it: asking again would not help.
        what: what it is an amount of, for the error.

    Attributes:
        held: what each client holds.
    """

    def __init__(self, limit: int, what: str):
        self._limit = limit
        self._what = what
        self.held: Counter[Hashable] = Counter()
        self._shares: dict[Share, None] = {}

    @contextmanager
    def share(self, client: Hashable, amount: int = 0) -> Iterator[Share]:
        """Yields a request's share, which is given back at the end of the block.

        Args:
            client: whose request it is.
            amount: what it takes at once.

        Raises:
            RequestError: if there is not enough, or the request has given way to that of another client.
        """
        share = Share(self, client, asyncio.current_task())
        self._shares[share] = None
        try:
            if amount:
                share.grow(amount)
            yield share
        except asyncio.CancelledError:
            if share.was_displaced():
                raise self._used_up() from None
            raise
        finally:
            del self._shares[share]
            share.release()

    @property
    def total(self) -> int:
        """What all clients hold together."""
        return self.held.total()

    def make_room(self, client: Hashable, amount: int) -> None:
        """Displaces requests of clients that hold more than one would, if there is not enough for it.

        Raises:
            RequestError: if there is no such client.
        """
        while self.held and self.total + amount > self._limit:
            largest, most = self.held.most_common(1)[0]
            if most <= self.held[client] + amount:
                raise self._used_up()
            # The newest one: others of the client have waited longer already.
            next(share for share in reversed(self._shares) if share.client == largest and share.amount).displace()

    def _used_up(self) -> RequestError:
        return RequestError(Fault.OVERLOADED, f"{self.total} {self._what}; ask again later")
