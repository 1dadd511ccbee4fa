"""The versions of an export on a server, which are found in its folder, taken into service, drained and unloaded."""

import asyncio
import enum
import gc
import logging
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tfmtl.core.errors import RunError, nearest
from tfmtl.core.whole_number import whole_number
from tfmtl.serving.export.description import versions_in
from tfmtl.serving.server.batching import Batcher, Threads
from tfmtl.serving.server.calls import Call
from tfmtl.serving.server.faults import Fault, RequestError, check_rows
from tfmtl.serving.server.monitoring import Monitoring
from tfmtl.serving.server.options import ServerOptions
from tfmtl.serving.server.servable import Arrays, Servable

_logger = logging.getLogger("tfmtl")
_DRAIN_SECONDS = 0.02
# How often memory is searched for a version that has been unloaded.
_COLLECTIONS = 5


class State(enum.IntEnum):
    """The state of a version; the numbers are those of TensorFlow Serving's `ModelVersionStatus.State`."""

    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


class Version:
    """A version that is served, was served, or could not be.

    Args:
        number: the number of the version.
        path: its directory.

    Attributes:
        state: its state.
        error: the reason why it is not served; empty if nothing is wrong.
        servable: the servable that answers; `None` if it is not loaded.
        in_flight: the number of requests under way.
    """

    def __init__(self, number: int, path: Path):
        self.number = number
        self.path = path
        self.stamp = _stamp(path)
        self.state = State.LOADING
        self.error = ""
        self.servable: Servable | None = None
        self.in_flight = 0
        self._batchers: dict[str, Batcher] = {}

    def start(
        self, servable: Servable, options: ServerOptions, threads: Threads, observe: Callable[[int], None]
    ) -> None:
        """Takes the version into service."""
        self.servable, self._options = servable, options

        def batcher(signature: str) -> Batcher:
            return Batcher(lambda inputs: servable.run(signature, inputs), options, threads, observe)

        self._batchers = {signature: batcher(signature) for signature in servable.signature_defs}
        self.state = State.AVAILABLE

    async def drain(self) -> None:
        """Takes the version out of service once the requests under way are answered."""
        self.state = State.UNLOADING
        while self.in_flight:
            await asyncio.sleep(_DRAIN_SECONDS)
        for batcher in self._batchers.values():
            await batcher.close()
        self._batchers, self.servable, self.state = {}, None, State.END

    def fail(self, error: str) -> None:
        """Records why the version cannot be served."""
        self.error, self.state = error, State.END

    async def predict(self, signature: str, inputs: Arrays, call: Call | None = None) -> dict[str, np.ndarray]:
        """Returns the outputs of a signature for a request's rows.

        Args:
            signature: the name of the signature.
            inputs: its inputs.
            call: the request; `None` is one that begins now.

        Raises:
            RequestError: if the inputs are not those of the signature, too many rows are requested or waiting, or the
                answer takes too long.
        """
        call = call or Call.lasting(self._options.request_seconds)
        rows = self.servable.check(signature, inputs)
        check_rows(rows, self._options.max_rows)
        async with call.in_time(Fault.TOO_SLOW, "there was no answer"):
            return await self._batchers[signature].submit(inputs, rows, call.client)


class Versions:
    """The versions of one export.

    Args:
        name: the name of the model.
        folder: the folder of the export, which contains its versions, or of one version, which is then the only one
            that is served.
        options: the options of the server.
        monitoring: the monitoring, which records the batches.

    Attributes:
        name: the name of the model.
        options: the options of the server.
        all: all versions that are served, were served, or could not be, by number.
    """

    def __init__(self, name: str, folder: Path, options: ServerOptions, monitoring: Monitoring):
        self.name = name
        self.all: dict[int, Version] = {}
        self._folder = folder
        self.options = options
        self._monitoring = monitoring
        self._threads = Threads(ThreadPoolExecutor(options.threads, "batch"), options.threads)
        self._loader = ThreadPoolExecutor(1, "load")
        self._draining: set[asyncio.Task] = set()

    def check_name(self, name: str) -> None:
        """Raises `RequestError` if a request asks for another model."""
        if name != self.name:
            raise RequestError(Fault.NOT_FOUND, f"there is no model '{name}'; {nearest(name, [self.name])}")

    def find(self, number: int | None = None, label: str | None = None) -> Version:
        """Returns the version that a request asks for: the newest one if it names none.

        Labels are `canary`, the newest version, and `stable`, the one before it if two are served.

        Raises:
            RequestError: if it is not served.
        """
        served = self.served()
        if not served:
            raise RequestError(Fault.UNAVAILABLE, "no version is loaded")
        if label is not None:
            labels = {"stable": served[-2:][0], "canary": served[-1]}
            if label not in labels:
                raise RequestError(Fault.NOT_FOUND, f"there is no label '{label}'; {nearest(label, labels)}")
            return labels[label]
        if number is None:
            return served[-1]
        for version in served:
            if version.number == number:
                return version
        numbers = ", ".join(str(version.number) for version in served)
        raise RequestError(Fault.NOT_FOUND, f"version {number} is not served; served: {numbers}")

    @contextmanager
    def using(self, number: int | None = None, label: str | None = None) -> Iterator[Version]:
        """Yields the version returned by `find`, which is kept in service meanwhile."""
        version = self.find(number, label)
        version.in_flight += 1
        try:
            yield version
        finally:
            version.in_flight -= 1

    def served(self) -> list[Version]:
        """Returns the versions that answer, ascending."""
        available = (version for version in self.all.values() if version.state is State.AVAILABLE)
        return sorted(available, key=lambda version: version.number)

    async def start(self) -> None:
        """Takes the newest loadable versions into service.

        Raises:
            RunError: if no version can be loaded.
        """
        await self.refresh()
        if not self.served():
            errors = [version.error for version in self.all.values()]
            raise RunError(errors[-1] if errors else f"{self._folder}: there is no version of an export in it")

    async def watch(self) -> None:
        """Watches the folder forever and takes new versions into service."""
        said = None
        while True:
            await asyncio.sleep(self.options.poll_seconds)
            try:
                await self.refresh()
                said = None
            except OSError as error:
                # Once, and not each second until the folder is back.
                if error.strerror != said:
                    _logger.warning("%s: cannot be read: %s", self._folder, error.strerror)
                said = error.strerror

    async def refresh(self) -> None:
        """Serves the newest versions of the folder; a served version stays in service until its successor answers.

        A version that cannot be loaded is skipped until one of its files changes.
        """
        # A version stays in service when its files are removed: a cleanup by an operator is no reason to go back.
        paths = {**self._found(), **{version.number: version.path for version in self.served()}}
        loaded = 0
        for number in sorted(paths, reverse=True):
            if loaded == self.options.versions:
                break
            loaded += await self._is_loaded(number, paths[number])
        newest = self.served()[-self.options.versions :]
        for version in self.served():
            if version not in newest:
                self._drain(version)

    async def drain(self) -> None:
        """Takes every version out of service once its requests are answered."""
        for version in self.served():
            self._drain(version)
        await asyncio.gather(*self._draining)

    def _found(self) -> dict[int, Path]:
        if (self._folder / "saved_model.pb").is_file():
            number = whole_number(self._folder.name)
            return {1 if number is None else number: self._folder}
        return {number: self._folder / str(number) for number in versions_in(self._folder)}

    async def _is_loaded(self, number: int, path: Path) -> bool:
        known = self.all.get(number)
        if known is not None and known.state is not State.END:
            return known.state is State.AVAILABLE
        if known is not None and known.error and known.stamp == _stamp(path):
            return False
        version = self.all[number] = Version(number, path)
        try:
            further = [self.options.allowed_ops] if self.options.allowed_ops else []
            servable = await asyncio.get_running_loop().run_in_executor(self._loader, Servable, path, *further)
        except RunError as error:
            version.fail(str(error))
            _logger.error("version %d is not served: %s", number, error)
            return False
        version.start(servable, self.options, self._threads, self._monitoring.batch)
        _logger.info("version %d is served: %s", number, path)
        return True

    def _drain(self, version: Version) -> None:
        # Set before anything else runs, so that no request finds the version any more.
        version.state = State.UNLOADING
        draining = asyncio.create_task(self._let_go(version))
        self._draining.add(draining)
        draining.add_done_callback(self._draining.discard)

    async def _let_go(self, version: Version) -> None:
        servable = weakref.ref(version.servable)
        await version.drain()
        # TensorFlow's functions are in reference cycles: without this, the memory of old versions would accumulate.
        for _ in range(_COLLECTIONS):
            await asyncio.get_running_loop().run_in_executor(self._loader, gc.collect)
            if servable() is None:
                break
            # A thread that has just answered may still hold it for a moment.
            await asyncio.sleep(0.1)


def _stamp(path: Path) -> tuple:
    """Returns a value that changes with any file of a version, such as one that is still being copied."""
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
