"""How the tests are run; what they share stands in `fixtures.py`."""

import gc

import pytest


def pytest_configure(config):
    """Loads the fixtures where tests run: the process that only divides them starts seconds sooner without."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        config.pluginmanager.import_plugin("tests.fixtures")


def pytest_addoption(parser):
    parser.addoption("--run_large", action="store_true", help="also run the tests that are marked as large")


ONE_WORKER = ("tests/serving/", "tests/api/")
LONGEST_FIRST = ("tests/serving/", "tests/end_to_end/", "tests/training/", "tests/balancing/")


def pytest_collection_modifyitems(config, items):
    """Begins with what takes longest, so that no worker is left alone with it at the end; leaves out large variants."""
    items.sort(key=lambda item: [not item.nodeid.startswith(folder) for folder in LONGEST_FIRST])
    if not config.getoption("run_large"):
        large = [item for item in items if item.get_closest_marker("large")]
        config.hook.pytest_deselected(items=large)
        items[:] = [item for item in items if not item.get_closest_marker("large")]


def pytest_collection_finish():
    """Tells Python's collector to leave alone what was imported, and to look less often at graphs that are traced."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Gives tests to the workers file by file, so that fixtures are made once, for some folders together."""
    from xdist.scheduler import LoadFileScheduling

    class BySharedFixtures(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return next((folder for folder in ONE_WORKER if file.startswith(folder)), file)

    return BySharedFixtures(config, log)
