"""Requests of several clients answered together: one run of the model for as many rows as wait for it."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np

from tfmtl.serving.server.faults import Fault, RequestError
from tfmtl.serving.server.options import ServerOptions
from tfmtl.serving.server.servable import Arrays


@dataclass
class _Waiting:
    """A request that waits for its answer."""

    inputs: Arrays
    rows: int
    answer: asyncio.Future
    since: float = field(default_factory=time.monotonic)


class Threads:
    """The threads that batches of all signatures run on; a batch is closed only when one of them is free.

    Args:
        executor: of the threads.
        count: how many it has.
    """

    def __init__(self, executor: Executor, count: int):
        self._executor = executor
        self._free = asyncio.Semaphore(count)

    async def acquire(self) -> None:
        """Waits for a free thread."""
        await self._free.acquire()

    def release(self) -> None:
        """Frees a thread that `acquire` gave."""
        self._free.release()

    async def run(self, function: Callable, *arguments):
        """Returns what a function returns on another thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)


class Batcher:
    """Gathers the requests to one signature of one version.

    A batch is closed when it is full, its first request has waited for `batch_delay` or no batch of this signature is
    under way, and a thread is free: while all of them are busy it goes on growing. So a client alone never waits for
    others. Whole requests go into a batch, in the order of their arrival.

    Args:
        function: takes the inputs of a batch and returns its outputs, both with a first axis of rows.
        options: of the server.
        threads: shared with the other signatures.
        observe: is told the rows of each batch.
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
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._running: set[asyncio.Task] = set()
        self._gathering = asyncio.create_task(self._gather())

    async def submit(self, inputs: Arrays, rows: int) -> dict[str, np.ndarray]:
        """Returns the outputs for one request's rows.

        Raises:
            RequestError: where too many rows wait already.
        """
        enqueued = self._waiting_rows()
        # Where nothing waits, a request is taken whatever its rows: to ask again later would not help it.
        if enqueued and enqueued + rows > self._options.max_enqueued_rows:
            raise RequestError(Fault.OVERLOADED, f"{enqueued} rows wait for an answer already; ask again later")
        request = _Waiting(inputs, rows, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._arrived.set()
        return await request.answer

    async def close(self) -> None:
        """Stops gathering; nothing may wait any more."""
        self._gathering.cancel()
        # Only once it has ended it holds nothing of the model.
        await asyncio.wait([self._gathering])

    async def _gather(self) -> None:
        while True:
            await self._batch_is_due()
            await self._threads.acquire()
            batch = self._take()
            if not batch:
                self._threads.release()
                continue
            running = asyncio.create_task(self._run(batch))
            # The loop itself holds tasks weakly.
            self._running.add(running)
            running.add_done_callback(self._running.discard)

    async def _batch_is_due(self) -> None:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        due = self._waiting[0].since + self._options.batch_delay
        while self._running and 0 < self._waiting_rows() < self._options.batch_size:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), due - time.monotonic())
            except TimeoutError:
                return

    def _waiting_rows(self) -> int:
        return sum(request.rows for request in self._waiting)

    def _take(self) -> list[_Waiting]:
        """Returns the next requests, without those whose clients have gone."""
        batch, rows = [], 0
        while self._waiting:
            request = self._waiting[0]
            if batch and rows + request.rows > self._options.batch_size:
                break
            self._waiting.popleft()
            if not request.answer.done():
                batch.append(request)
                rows += request.rows
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
