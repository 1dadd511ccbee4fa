import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tfmtl.serving.server.batching import Batcher, Threads
from tfmtl.serving.server.faults import Fault, RequestError
from tfmtl.serving.server.options import ServerOptions


class Doubling:
    """Doubles numbers, and waits while it is held back."""

    def __init__(self):
        self.sizes = []
        self.free = threading.Event()
        self.free.set()

    def __call__(self, inputs):
        self.sizes.append(len(inputs["x"]))
        self.free.wait(10)
        if (inputs["x"] < 0).any():
            raise ValueError("negative")
        return {"y": 2 * inputs["x"], "z": np.stack([inputs["x"], -inputs["x"]], axis=1)}


def run(scenario, **options):
    """Runs `scenario(submit, function)` with a batcher, on one thread or more; returns the sizes of its batches."""
    function = Doubling()
    server_options = ServerOptions(**{"threads": 1, **options})

    async def main():
        threads = server_options.threads
        batcher = Batcher(function, server_options, Threads(ThreadPoolExecutor(threads), threads))

        async def submit(*numbers):
            return await batcher.submit({"x": np.array(numbers)}, len(numbers))

        await asyncio.wait_for(scenario(submit, function), 10)
        await batcher.close()

    asyncio.run(main())
    return function.sizes


def test_requests_that_come_together_are_one_batch_and_each_has_its_own_rows():
    async def scenario(submit, function):
        first, second, third = await asyncio.gather(submit(1, 2), submit(3), submit(4, 5, 6))
        assert first["y"].tolist() == [2, 4] and second["y"].tolist() == [6] and third["y"].tolist() == [8, 10, 12]
        assert third["z"].tolist() == [[4, -4], [5, -5], [6, -6]]

    assert run(scenario, batch_delay=0.2) == [6]


def test_a_client_alone_does_not_wait_for_others():
    async def scenario(submit, function):
        for number in range(3):
            await asyncio.wait_for(submit(number), 5)

    assert run(scenario, batch_delay=60) == [1, 1, 1]


def test_beside_a_batch_that_runs_a_request_waits_for_others():
    async def scenario(submit, function):
        function.free.clear()
        running = asyncio.create_task(submit(0))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(submit(1))
        await asyncio.sleep(0.1)
        third = asyncio.create_task(submit(2))
        await asyncio.sleep(0.6)
        function.free.set()
        await asyncio.gather(running, second, third)

    assert sorted(run(scenario, threads=2, batch_delay=0.5)) == [1, 2]


def test_a_full_batch_does_not_wait():
    async def scenario(submit, function):
        await asyncio.wait_for(asyncio.gather(*(submit(number) for number in range(8))), 5)

    assert run(scenario, batch_size=4, batch_delay=60) == [4, 4]


def test_a_request_is_never_cut():
    async def scenario(submit, function):
        answers = await asyncio.gather(submit(1, 2, 3), submit(4, 5, 6), submit(7))
        assert [answer["y"].tolist() for answer in answers] == [[2, 4, 6], [8, 10, 12], [14]]

    assert run(scenario, batch_size=4, batch_delay=0.1) == [3, 4]


def test_with_batches_of_one_each_request_is_answered_by_itself():
    async def scenario(submit, function):
        await asyncio.gather(submit(1), submit(2, 3), submit(4))

    assert run(scenario, batch_size=1) == [1, 2, 1]


def test_a_batch_grows_while_the_threads_are_busy():
    async def scenario(submit, function):
        function.free.clear()
        first = asyncio.create_task(submit(1))
        await asyncio.sleep(0.1)
        others = [asyncio.create_task(submit(number)) for number in range(5)]
        await asyncio.sleep(0.1)
        function.free.set()
        await asyncio.gather(first, *others)

    assert run(scenario, batch_delay=0.0) == [1, 5]


def test_what_waits_beyond_the_limit_is_refused_and_the_rest_is_answered():
    async def scenario(submit, function):
        function.free.clear()
        running = asyncio.create_task(submit(0))
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(submit(1, 2))
        await asyncio.sleep(0)
        with pytest.raises(RequestError, match="2 rows are already waiting") as error:
            await submit(3, 4)
        assert error.value.fault is Fault.OVERLOADED
        function.free.set()
        assert (await waiting)["y"].tolist() == [2, 4]
        await running
        assert (await submit(3, 4))["y"].tolist() == [6, 8]
        # Where nothing waits, to ask again later would not help.
        assert (await submit(*range(5)))["y"].tolist() == [0, 2, 4, 6, 8]

    run(scenario, max_enqueued_rows=3, batch_delay=0.0)


def test_a_client_that_has_gone_is_not_answered():
    async def scenario(submit, function):
        function.free.clear()
        running = asyncio.create_task(submit(0))
        await asyncio.sleep(0.1)
        gone, stays = asyncio.create_task(submit(1)), asyncio.create_task(submit(2))
        await asyncio.sleep(0)
        gone.cancel()
        function.free.set()
        assert (await stays)["y"].tolist() == [4]
        await running

    assert run(scenario, batch_delay=0.0) == [1, 1]


def test_a_batch_that_fails_is_told_and_the_next_is_answered():
    async def scenario(submit, function):
        with pytest.raises(ValueError, match="negative"):
            await submit(-1)
        assert (await submit(1))["y"].tolist() == [2]

    run(scenario)


def run_for_clients(scenario, **options):
    """Like `run`, for requests of named clients with texts; `large` ones have rows of 64 KiB."""
    function = Doubling()
    server_options = ServerOptions(**{"threads": 2, "batch_delay": 0.0, **options})

    async def main():
        threads = Threads(ThreadPoolExecutor(server_options.threads), server_options.threads)
        batcher = Batcher(function, server_options, threads)

        async def submit(client, rows, large=False):
            texts = np.array([b"x" * (1 << 16 if large else 1)] * rows, object)
            return await batcher.submit({"x": np.arange(rows), "texts": texts}, rows, client)

        await asyncio.wait_for(scenario(submit, function), 10)
        await batcher.close()

    asyncio.run(main())
    return function.sizes


@pytest.mark.parametrize("large", [{"rows": 40}, {"rows": 2, "large": True}])
def test_a_small_request_does_not_wait_for_large_ones(large):
    async def scenario(submit, function):
        function.free.clear()
        held = [asyncio.create_task(submit(f"large {number}", **large)) for number in range(4)]
        await asyncio.sleep(0.1)
        small = asyncio.create_task(submit("small", 1))
        await asyncio.sleep(0.1)
        function.free.set()
        await asyncio.gather(small, *held)

    sizes = run_for_clients(scenario, batch_size=1)
    # The first large one and the small one had a thread each, the others none.
    assert sorted(sizes[:2]) == [1, large["rows"]] and len(sizes) == 5


def test_with_one_thread_large_requests_are_answered_too():
    async def scenario(submit, function):
        await asyncio.gather(*(submit(number, 40) for number in range(3)))

    assert run_for_clients(scenario, threads=1, batch_size=64) == [40, 40, 40]


def test_many_rows_of_one_client_do_not_keep_others_out():
    async def scenario(submit, function):
        function.free.clear()
        running = asyncio.create_task(submit("first", 40))
        await asyncio.sleep(0.05)
        many = [asyncio.create_task(submit("many", 4)) for _ in range(10)]
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(submit(number, 1)) for number in range(3)]
        await asyncio.sleep(0.05)
        function.free.set()
        found = await asyncio.gather(*many, *others, running, return_exceptions=True)
        refused = [isinstance(outcome, RequestError) for outcome in found]
        # Of 16 rows that may wait, 4 requests fit; one of them gives way to three rows of others.
        assert sum(refused[:10]) == 7 and not any(refused[10:])

    run_for_clients(scenario, threads=1, max_enqueued_rows=16)


def test_who_has_gone_leaves_room_for_others():
    async def scenario(submit, function):
        function.free.clear()
        running = asyncio.create_task(submit("first", 1))
        await asyncio.sleep(0.05)
        gone = [asyncio.create_task(submit("many", 4)) for _ in range(4)]
        await asyncio.sleep(0.05)
        for task in gone:
            task.cancel()
        await asyncio.sleep(0)
        stays = asyncio.create_task(submit("many", 16))
        await asyncio.sleep(0.05)
        function.free.set()
        assert len((await stays)["y"]) == 16
        await running

    assert run_for_clients(scenario, threads=1, max_enqueued_rows=16) == [1, 16]
