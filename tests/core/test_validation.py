from typing import Literal

import pytest
from pydantic import BaseModel, Field

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import SOURCES, Options
from tfmtl.core.validation import choice_of, lookup, validate


class Inner(Options):
    depth: int = Field(1, ge=1)


class Outer(Options):
    name: str
    inner: Inner = Inner()
    other: Inner | None = None
    share: float | None = None
    named: bool = False
    tasks: dict[str, int] = Field({"a": 1}, min_length=1)
    frozen: Literal["embedding"] | bool = False
    stages: list[Inner | None] = Field([])


def message(options, values, place="outer"):
    with pytest.raises(ConfigurationError) as caught:
        validate(options, values, place)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_valid_values_become_typed_options():
    options = validate(Outer, {"name": "a", "inner": {"depth": 3}, "named": True}, "")
    assert (options.inner.depth, options.named) == (3, True)


def test_options_pass_unchanged():
    options = Outer(name="a")
    assert validate(Outer, options, "") is options


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"name": "a", "iner": {}},
            "outer: unknown key 'iner'; did you mean 'inner'? "
            "(known: frozen, inner, name, named, other, share, stages, tasks)",
        ),
        ({"name": "a", "inner": {"dept": 2}}, "outer.inner: unknown key 'dept'; did you mean 'depth'? (known: depth)"),
        ({"name": "a", "other": {"dept": 2}}, "outer.other: unknown key 'dept'; did you mean 'depth'? (known: depth)"),
        (
            {"name": "a", "inner": {"depth": 10**20}},
            "outer.inner.depth: expected a number of at most 32 bits, found 100000000000000000000",
        ),
        ({}, "outer.name: this key is required"),
        (
            {"name": "a", "inner": {"depth": 0}},
            "outer.inner.depth: input should be greater than or equal to 1, found 0",
        ),
        ([1], "outer: expected keys and values, found [1]"),
        ({"name": "a", "inner": {"depth": True}}, "outer.inner.depth: expected a number, found True"),
        ({"name": "a", "share": False}, "outer.share: expected a number, found False"),
        ({"name": 3}, "outer.name: expected a text, found 3"),
        ({"name": "a", "tasks": {}}, "outer.tasks: name at least one"),
        ({"name": "a", "tasks": [1]}, "outer.tasks: expected keys and values, found [1]"),
        ({"name": "a", "frozen": "embeding"}, "outer.frozen: expected 'embedding' or true or false, found 'embeding'"),
        (
            {"name": "a", "stages": [{}, {"dept": 2}]},
            "outer.stages.1: unknown key 'dept'; did you mean 'depth'? (known: depth)",
        ),
    ],
)
def test_an_error_names_the_place_and_the_nearest_right_key(values, expected):
    assert message(Outer, values) == expected


def test_at_the_top_the_place_is_the_configuration():
    assert message(Outer, {"name": "a", "x": 1}, "").startswith("configuration: unknown key 'x'; ")


class Section(BaseModel):
    source: choice_of(SOURCES, "format", "pydocs", "source") = Field("pydocs", validate_default=True)


@pytest.mark.parametrize("section", ["pydocs", {"format": "pydocs"}, {}])
def test_a_choice_is_a_name_or_a_section_or_the_default(section):
    choice = Section(source=section).source
    assert (choice.name, choice.options.minimum_per_package) == ("pydocs", 300)


def test_a_choice_writes_itself_as_the_section_it_was_read_from():
    section = {"format": "pydocs", "empty_text": "skip", "minimum_per_package": 7, "maximum_per_package": 9}
    assert Section(source=section).model_dump() == {
        "source": {**section, "limit": None, "shots": None, "cut": True, "missing": []}
    }


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"format": "tvs"}, "source.format: unknown source format 'tvs'; did you mean 'tsv'? "),
        ({"format": "pydocs", "minimum": 3}, "source: unknown key 'minimum'; "),
        (3, "source: expected keys and values, found 3"),
    ],
)
def test_an_error_in_a_choice_names_the_section(section, expected):
    with pytest.raises(ConfigurationError) as caught:
        Section(source=section)
    assert str(caught.value).startswith(expected)


def test_lookup_names_the_place_that_asks():
    with pytest.raises(ConfigurationError, match=r"^here: unknown source format 'x'; known: csv, "):
        lookup(SOURCES, "x", "here")
