from pathlib import Path

import pytest

from tfmtl.config.experiment import parse
from tfmtl.core.errors import ConfigurationError


def cache(value):
    values = {"sources": {"s": {"train": "rows.csv"}}, "tasks": {"label": {"kind": "classification"}}}
    return parse({**values, "cache": value}).cache


def test_it_is_turned_off_by_false():
    assert not cache(False).enabled
    assert cache(True) == cache({})


def test_its_folder_is_the_configured_one_or_that_of_the_variable(monkeypatch):
    monkeypatch.delenv("TFMTL_CACHE", raising=False)
    assert cache({}).path == Path.home() / ".cache" / "tfmtl"
    monkeypatch.setenv("TFMTL_CACHE", "/there")
    assert cache({}).path == Path("/there")
    assert cache({"folder": "~/here"}).path == Path.home() / "here"


def test_an_unknown_key_is_an_error():
    with pytest.raises(ConfigurationError, match="cache: unknown key 'path'"):
        cache({"path": "here"})


def test_what_can_be_no_path_is_an_error():
    with pytest.raises(ConfigurationError, match=r"cache\.folder: a path has no null character"):
        cache({"folder": "a\0b"})
