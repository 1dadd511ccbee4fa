import re
from pathlib import Path

import pytest

from tfmtl.config import catalogue
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import BALANCING, ENCODERS, KINDS, PRESETS, SCHEDULES, SHARING, SOURCES

ROOT = Path(__file__).parents[2]

REGISTRIES = {
    "sources": SOURCES,
    "encoders": ENCODERS,
    "sharing": SHARING,
    "balancing": BALANCING,
    "schedules": SCHEDULES,
}


@pytest.mark.parametrize("group", REGISTRIES)
def test_a_group_holds_every_entry_of_its_registry(group):
    ((noun, rows),) = catalogue.rows(group).items()
    assert noun == REGISTRIES[group].noun
    assert {row.name: row.summary for row in rows} == {entry.name: entry.summary for entry in REGISTRIES[group]}


def test_tasks_are_kinds_and_presets():
    tables = catalogue.rows("tasks")
    assert [[row.name for row in table] for table in tables.values()] == [
        [entry.name for entry in registry] for registry in (KINDS, PRESETS)
    ]


def test_options_are_shown_as_a_configuration_would_write_them():
    options = {row.name: row.options for table in catalogue.rows("tasks").values() for row in table}
    assert options["summarization"]["max_length"] == "64"
    assert options["summarization"]["label_smoothing"] == "0"
    assert options["summarization"]["source"] == "required"
    assert "name" not in options["summarization"]
    assert options["glue/rte"]["labels"] == "[entailment, not_entailment]"
    (temperature,) = [row for row in catalogue.rows("schedules")["mixing schedule"] if row.name == "temperature"]
    assert temperature.options == {"temperature": "2", "cap": "2097152"}
    sources = {row.name: row.options for row in catalogue.rows("sources")["source format"]}
    assert sources["tfds"]["name"] == "required"
    assert (sources["tsv"]["delimiter"], sources["csv"]["encoding"]) == ("none", "utf-8")
    assert (sources["tsv"]["header"], sources["tsv"]["splits"], sources["tsv"]["columns"]) == ("true", "{}", "none")


@pytest.mark.parametrize("group", catalogue.GROUPS)
@pytest.mark.parametrize("width", [60, 100])
def test_text_names_everything_and_fits_the_terminal(group, width):
    text = catalogue.as_text(group, width)
    assert max(map(len, text.splitlines())) <= width
    words = re.sub(r"\s+", " ", text)
    for table in catalogue.rows(group).values():
        for row in table:
            assert re.search(rf"^{re.escape(row.name)} ", text, re.MULTILINE)
            assert row.summary in words
            assert all(f"{key}: {value}" in words for key, value in row.options.items())


def test_an_unknown_group_is_one_line_with_the_nearest():
    with pytest.raises(
        ConfigurationError, match=r"^there is no list of 'shedules'; did you mean 'schedules'\?"
    ) as error:
        catalogue.as_text("shedules")
    assert "\n" not in str(error.value)


def test_the_page_of_the_documentation_is_up_to_date():
    page = (ROOT / "docs" / "registry.md").read_text(encoding="utf-8")
    assert page == catalogue.as_markdown(), "make it again: python docs/make_registry.py"
