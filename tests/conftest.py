"""How the tests are run; what they share stands in `fixtures.py`."""

import pytest


def pytest_configure(config):
    """Loads the fixtures where tests run: the process that only divides them starts seconds sooner without."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        config.pluginmanager.import_plugin("tests.fixtures")


LONGEST_FIRST = ("tests/serving/", "tests/end_to_end/", "tests/training/", "tests/balancing/")


def pytest_collection_modifyitems(items):
    """Begins with what takes longest, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: [not item.nodeid.startswith(folder) for folder in LONGEST_FIRST])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Gives tests to the workers file by file, so that fixtures are made once; those of serving share one export."""
    from xdist.scheduler import LoadFileScheduling

    class BySharedFixtures(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "tests/serving" if file.startswith("tests/serving/") else file

    return BySharedFixtures(config, log)
