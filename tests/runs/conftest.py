import pytest

from tests.runs.described import described, labelled
from tfmtl.runs.identity import claim
from tfmtl.runs.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    """A run of `described()` that has just been claimed."""
    made = RunFolder(tmp_path / "run")
    claim(made, described(), labelled(described()))
    return made
