"""Answers requests of several clients together, in one run of the model for all rows that wait for it."""

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np

from tfmtl.serving.server.budget import Budget, Share
from tfmtl.serving.server.fair_queue import FairQueue
from tfmtl.serving.server.options import ServerOptions
from tfmtl.serving.server.servable import Arrays

_BYTES_OF_A_ROW = 2048
"""The text of which an answer costs about as much as a row does."""

_LARGE = 4
"""A request is large if it costs more than this part of the rows that it may have."""


@dataclass
class _Waiting:
    """A request that waits for its answer."""

    inputs: Arrays
    rows: int
    is_large: bool
    answer: asyncio.Future
    share: Share
    since: float = field(default_factory=time.monotonic)


def _cost(inputs: Arrays, rows: int) -> int:
    """Returns what a request costs to answer, in rows of usual length."""
    return rows + sum(map(_size, inputs.values())) // _BYTES_OF_A_ROW


def _size(values: np.ndarray) -> int:
    return sum(map(len, values)) if values.dtype == object else values.nbytes


class Threads:
    """The threads that run the batches of all signatures; a batch is closed only when one of them is free.

    Large requests never take the last thread, so that small ones need not wait for them.

    Args:
        executor: the executor of the threads.
        count: the number of its threads.
    """

    def __init__(self, executor: Executor, count: int):
        self._executor = executor
        self._free = asyncio.Semaphore(count)
        self._for_large = max(1, count - 1)
        self._watchers: set[asyncio.Event] = set()

    async def acquire(self) -> None:
        """Waits for a free thread."""
        await self._free.acquire()

    def release(self) -> None:
        """Frees a thread that was acquired."""
        self._free.release()

    @property
    def take_large(self) -> bool:
        """Whether a large request may take a thread."""
        return self._for_large > 0

    def begin_large(self) -> None:
        """Counts a thread that answers a large request."""
        self._for_large -= 1

    def end_large(self) -> None:
        """Counts it no more, and tells those that wait for it."""
        self._for_large += 1
        for event in self._watchers:
            event.set()

    def watch(self, changed: asyncio.Event) -> None:
        """Sets an event whenever a large request has been answered."""
        self._watchers.add(changed)

    def forget(self, changed: asyncio.Event) -> None:
        """Sets an event no more."""
        self._watchers.discard(changed)

    async def run(self, function: Callable, *arguments):
        """Runs a function on another thread and returns its result."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)


class Batcher:
    """Gathers the requests to one signature of one version.

    A batch is closed when it is full, its first request has waited for `batch_delay` or no batch of this signature is
    under way, and a thread is free: while all threads are busy, it keeps growing. So a single client never waits for
    others. Requests go into a batch as a whole, and clients take turns; those of one client keep their order. Large
    requests and small ones are not answered together.

    Args:
        function: a function from the inputs of a batch to its outputs, both with a first axis of rows.
        options: the options of the server.
        threads: the threads, which are shared with other signatures.
        observe: a function that is called with the number of rows of each batch.
    """

    def __init__(
        self,
        function: Callable[[Arrays], Arrays],
        options: ServerOptions,
        threads: Threads,
        observe: Callable[[int], None] = lambda rows: None,
    ):
        self._function = function
        self._options = options
        self._threads = threads
        self._observe = observe
        self._waiting: FairQueue[_Waiting] = FairQueue()
        self._rows = Budget(options.max_enqueued_rows, "rows are already waiting for an answer")
        self._arrived = asyncio.Event()
        threads.watch(self._arrived)
        self._running: set[asyncio.Task] = set()
        self._gathering = asyncio.create_task(self._gather())

    async def submit(self, inputs: Arrays, rows: int, client: Hashable = None) -> dict[str, np.ndarray]:
        """Returns the outputs for one request's rows.

        Args:
            inputs: the inputs.
            rows: the number of their rows.
            client: whose request it is.

        Raises:
            RequestError: if too many rows are already waiting.
        """
        with self._rows.share(client, rows) as share:
            cost, answer = _cost(inputs, rows), asyncio.get_running_loop().create_future()
            request = _Waiting(inputs, rows, cost > self._options.max_rows // _LARGE, answer, share)
            self._waiting.push(request, client, cost)
            self._arrived.set()
            try:
                return await request.answer
            finally:
                self._waiting.drop(request)

    async def close(self) -> None:
        """Stops gathering; no request may be waiting."""
        self._gathering.cancel()
        self._threads.forget(self._arrived)
        # Only when it has ended does it no longer hold on to the model.
        await asyncio.wait([self._gathering])

    async def _gather(self) -> None:
        while True:
            await self._batch_is_due()
            await self._threads.acquire()
            batch = self._take()
            if not batch:
                self._threads.release()
                self._arrived.clear()
                await self._arrived.wait()
                continue
            if batch[0].is_large:
                self._threads.begin_large()
            running = asyncio.create_task(self._run(batch))
            # The event loop itself holds only weak references to tasks.
            self._running.add(running)
            running.add_done_callback(self._running.discard)

    async def _batch_is_due(self) -> None:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        due = min(request.since for request in self._waiting) + self._options.batch_delay
        while self._running and 0 < self._rows.total < self._options.batch_size:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), due - time.monotonic())
            except TimeoutError:
                return

    def _take(self) -> list[_Waiting]:
        """Returns the next requests: none if only large ones wait, and they may not take a thread now."""
        batch, rows = [], 0
        for request in self._waiting:
            if (request.is_large and not self._threads.take_large) or (batch and request.is_large != batch[0].is_large):
                continue
            if batch and rows + request.rows > self._options.batch_size:
                break
            batch.append(request)
            rows += request.rows
        for request in batch:
            request.share.release()
        self._waiting.take(batch)
        return batch

    async def _run(self, batch: list[_Waiting]) -> None:
        try:
            names = batch[0].inputs
            inputs = {name: np.concatenate([request.inputs[name] for request in batch]) for name in names}
            self._observe(sum(request.rows for request in batch))
            outputs = await self._threads.run(self._function, inputs)
        except Exception as error:
            for request in batch:
                if not request.answer.done():
                    request.answer.set_exception(error)
        else:
            ends = np.cumsum([request.rows for request in batch])
            parts = {name: np.split(values, ends[:-1]) for name, values in outputs.items()}
            for index, request in enumerate(batch):
                if not request.answer.done():
                    request.answer.set_result({name: values[index] for name, values in parts.items()})
        finally:
            self._threads.release()
            if batch[0].is_large:
                self._threads.end_large()
