import asyncio
import gc
import logging
import time
import weakref

import numpy as np
import pytest

from tfmtl.core.errors import RunError
from tfmtl.serving.server import versions as versions_module
from tfmtl.serving.server.faults import Fault, RequestError
from tfmtl.serving.server.monitoring import Monitoring
from tfmtl.serving.server.options import ServerOptions
from tfmtl.serving.server.versions import State, Versions


class FakeServable:
    """Answers with the number of its version; a file says that it is damaged, or how long it takes to answer."""

    def __init__(self, path):
        self.path = path
        if (path / "damaged").exists():
            raise RunError(f"{path}: damaged: no reason")
        self.signature_defs = {"serving_default": None}

    def check(self, signature, inputs):
        return len(inputs["text"])

    def run(self, signature, inputs):
        time.sleep(float((self.path / "seconds").read_text()) if (self.path / "seconds").exists() else 0)
        return {"version": np.full(len(inputs["text"]), int(self.path.name))}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(versions_module, "Servable", FakeServable)
    return tmp_path


def add(folder, number, **files):
    path = folder / str(number)
    path.mkdir(exist_ok=True)
    for name, content in {"saved_model.pb": "", **files}.items():
        (path / name).write_text(content)


def run(folder, scenario, **options):
    async def main():
        versions = Versions("tiny", folder, ServerOptions(**{"batch_delay": 0.0, **options}), Monitoring("tiny"))
        await scenario(versions)
        await versions.drain()

    asyncio.run(asyncio.wait_for(main(), 20))


async def ask(versions, *arguments, rows=1):
    with versions.using(*arguments) as version:
        answer = await version.predict("serving_default", {"text": np.array([b"a"] * rows, object)})
    return int(answer["version"][0])


def numbers(versions):
    return [version.number for version in versions.served()]


def test_the_newest_version_is_served_by_number_and_not_by_name(folder):
    for number in (2, 9, 10):
        add(folder, number)

    async def scenario(versions):
        await versions.start()
        assert numbers(versions) == [10] and await ask(versions) == 10
        with pytest.raises(RequestError, match="version 9 is not served; served: 10") as error:
            await ask(versions, 9)
        assert error.value.fault is Fault.NOT_FOUND

    run(folder, scenario)


def test_a_version_that_is_let_go_leaves_nothing_in_memory(folder, monkeypatch):
    loaded = []

    class Cyclic(FakeServable):
        def __init__(self, path):
            super().__init__(path)
            self.itself = self
            loaded.append(weakref.ref(self))

    monkeypatch.setattr(versions_module, "Servable", Cyclic)
    add(folder, 1)

    async def scenario(versions):
        await versions.start()
        assert await ask(versions) == 1
        add(folder, 2)
        await versions.refresh()
        while loaded[0]() is not None:
            await asyncio.sleep(0.01)
        assert loaded[1]() is not None and await ask(versions) == 2

    gc.disable()
    try:
        run(folder, scenario)
    finally:
        gc.enable()


def test_labels_name_the_newest_two(folder):
    for number in (1, 2, 3):
        add(folder, number)

    async def scenario(versions):
        await versions.start()
        assert numbers(versions) == [2, 3]
        assert [await ask(versions, None, label) for label in ("stable", "canary", None)] == [2, 3, 3]
        assert await ask(versions, 2) == 2

    run(folder, scenario, versions=2)


def test_the_old_version_answers_what_it_was_asked_before_it_goes(folder):
    add(folder, 1, seconds="1.5")

    async def scenario(versions):
        await versions.start()
        asked = asyncio.create_task(ask(versions))
        await asyncio.sleep(0.1)
        add(folder, 2)
        await versions.refresh()
        assert numbers(versions) == [2]
        assert versions.all[1].state is State.UNLOADING and versions.all[1].servable is not None
        assert await ask(versions) == 2
        assert await asked == 1
        await asyncio.sleep(0.1)
        assert versions.all[1].state is State.END and versions.all[1].servable is None

    run(folder, scenario)


def test_a_damaged_version_is_passed_over_until_one_of_its_files_changes(folder, caplog):
    add(folder, 1)

    async def scenario(versions):
        await versions.start()
        add(folder, 2, damaged="")
        with caplog.at_level(logging.INFO, "tfmtl"):
            await versions.refresh()
            await versions.refresh()
        assert caplog.text.count("version 2 is not served") == 1
        assert numbers(versions) == [1] and await ask(versions) == 1
        assert versions.all[2].state is State.END and "damaged" in versions.all[2].error
        (folder / "2" / "damaged").unlink()
        await versions.refresh()
        assert numbers(versions) == [2] and versions.all[2].error == ""

    run(folder, scenario)


def test_where_the_newest_is_damaged_at_the_start_the_one_before_it_is_served(folder):
    add(folder, 1)
    add(folder, 2, damaged="")

    async def scenario(versions):
        await versions.start()
        assert numbers(versions) == [1]

    run(folder, scenario)


def test_without_a_version_that_can_be_loaded_it_does_not_start(folder):
    async def scenario(versions):
        with pytest.raises(RunError, match="no version"):
            await versions.start()
        add(folder, 1, damaged="")
        with pytest.raises(RunError, match="damaged: no reason"):
            await versions.start()
        with pytest.raises(RequestError, match="no version is loaded") as error:
            await ask(versions)
        assert error.value.fault is Fault.UNAVAILABLE

    run(folder, scenario)


def test_a_version_whose_files_are_removed_goes_on(folder):
    add(folder, 1)
    add(folder, 2)

    async def scenario(versions):
        await versions.start()
        (folder / "2" / "saved_model.pb").unlink()
        await versions.refresh()
        assert list(versions.all) == [2] and await ask(versions) == 2

    run(folder, scenario)


def test_the_folder_of_one_version_serves_that_version(folder):
    add(folder, 1)
    add(folder, 2)

    async def scenario(versions):
        await versions.start()
        assert numbers(versions) == [1] and await ask(versions) == 1

    run(folder / "1", scenario)


def test_too_many_rows_and_too_long_an_answer_are_told(folder):
    add(folder, 1, seconds="0.5")

    async def scenario(versions):
        await versions.start()
        with pytest.raises(RequestError, match="3 rows; at most 2") as error:
            await ask(versions, rows=3)
        assert error.value.fault is Fault.INVALID
        with pytest.raises(RequestError, match=r"no answer within 0\.1 seconds") as error:
            await ask(versions)
        assert error.value.fault is Fault.TOO_SLOW
        assert versions.all[1].in_flight == 0

    run(folder, scenario, max_rows=2, request_seconds=0.1)


@pytest.mark.parametrize(("name", "number"), [("7", 7), ("tiny", 1), ("²", 1), ("9" * 23, 1)])
def test_a_single_version_has_the_number_of_its_folder_if_that_is_one(folder, name, number):
    add(folder, name)

    async def scenario(versions):
        await versions.refresh()
        assert list(versions.all) == [number]

    run(folder / name, scenario)
