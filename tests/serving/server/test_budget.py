import asyncio

import pytest

from tfmtl.serving.server.budget import Budget
from tfmtl.serving.server.faults import Fault, RequestError


class Holder:
    """Holds a share until it is told to stop, or gives way."""

    def __init__(self, budget, client, amount):
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self._hold(budget, client, amount))

    async def _hold(self, budget, client, amount):
        with budget.share(client, amount):
            await self._stop.wait()

    async def outcome(self):
        """What became of it: `None`, or its error."""
        self._stop.set()
        (found,) = await asyncio.gather(self._task, return_exceptions=True)
        return found


def run(scenario, limit=10):
    async def main():
        budget = Budget(limit, "things are held")

        async def hold(client, amount):
            holder = Holder(budget, client, amount)
            await asyncio.sleep(0)
            return holder

        await asyncio.wait_for(scenario(budget, hold), 10)
        assert budget.total == 0 and not budget.held

    asyncio.run(main())


def test_shares_are_given_back():
    async def scenario(budget, hold):
        for _ in range(3):
            holder = await hold("a", 10)
            assert budget.total == 10
            assert await holder.outcome() is None

    run(scenario)


def test_who_would_hold_less_takes_the_place_of_who_holds_the_most():
    async def scenario(budget, hold):
        many = [await hold("a", 2) for _ in range(4)]
        other = await hold("b", 2)
        small = await hold("c", 3)
        assert dict(budget.held) == {"a": 4, "b": 2, "c": 3}
        assert (await small.outcome(), await other.outcome()) == (None, None)
        found = [await holder.outcome() for holder in many]
        # Those that have waited longest stay.
        assert [found[0], found[1]] == [None, None]
        for error in found[2:]:
            assert isinstance(error, RequestError) and error.fault is Fault.OVERLOADED

    run(scenario)


def test_who_would_hold_as_much_is_refused():
    async def scenario(budget, hold):
        holder = await hold("a", 6)
        for client, amount in (("b", 6), ("a", 5)):
            refused = await hold(client, amount)
            error = await refused.outcome()
            assert isinstance(error, RequestError) and str(error) == "6 things are held; ask again later"
        assert await holder.outcome() is None

    run(scenario)


def test_a_single_request_may_be_larger_than_all_there_is():
    async def scenario(budget, hold):
        assert await (await hold("a", 11)).outcome() is None

    run(scenario)


def test_a_share_grows_as_far_as_there_is_room():
    async def scenario(budget, hold):
        other = await hold("b", 4)
        with budget.share("a") as share:
            for _ in range(3):
                share.grow(2)
            with pytest.raises(RequestError, match="10 things are held"):
                share.grow(1)
        assert await other.outcome() is None

    run(scenario)


def test_a_request_that_is_cancelled_otherwise_is_cancelled():
    async def scenario(budget, hold):
        holder = await hold("a", 1)
        holder._task.cancel()
        assert isinstance(await holder.outcome(), asyncio.CancelledError)

    run(scenario)


def test_a_request_that_gives_way_while_it_is_timed_is_not_said_to_be_late():
    async def scenario(budget, hold):
        async def timed():
            async with asyncio.timeout(5):
                with budget.share("a", 10):
                    await asyncio.sleep(10)

        task = asyncio.create_task(timed())
        await asyncio.sleep(0)
        holder = await hold("b", 1)
        with pytest.raises(RequestError, match="ask again later"):
            await task
        assert await holder.outcome() is None

    run(scenario)
