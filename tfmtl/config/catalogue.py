"""The registries as tables that list every choice, for the command line and the documentation."""

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tfmtl.core.errors import ConfigurationError, nearest
from tfmtl.core.registry import (
    ADAPTATION,
    BALANCING,
    DESCRIPTORS,
    ENCODERS,
    KINDS,
    META,
    METRICS,
    MIXING_RULES,
    OPTIMIZERS,
    PRESETS,
    SCHEDULES,
    SHARING,
    SIGNATURES,
    SOURCES,
    TOKENIZERS,
    Entry,
    Registry,
)


@dataclass(frozen=True)
class Row:
    """A thing that a configuration can name.

    Attributes:
        name: the name in a configuration.
        summary: the first line of its docstring.
        options: the other keys of its section, with their defaults as displayed.
    """

    name: str
    summary: str
    options: Mapping[str, str]


_GROUPS: dict[str, tuple[Registry, ...]] = {
    "tasks": (KINDS, PRESETS),
    "sources": (SOURCES,),
    "tokenizers": (TOKENIZERS,),
    "encoders": (ENCODERS,),
    "sharing": (SHARING,),
    "descriptors": (DESCRIPTORS,),
    "balancing": (BALANCING,),
    "schedules": (SCHEDULES,),
    "rules": (MIXING_RULES,),
    "metrics": (METRICS,),
    "optimizers": (OPTIMIZERS,),
    "meta": (META,),
    "adaptation": (ADAPTATION,),
    "signatures": (SIGNATURES,),
}
GROUPS = tuple(_GROUPS)
"""The names of the groups, in the order of a configuration."""

_NARROWEST = 40


def rows(group: str) -> dict[str, list[Row]]:
    """Returns the entries of a group; the keys are the words for one entry, such as `task kind`.

    Raises:
        ConfigurationError: if the group is unknown; names the nearest known one.
    """
    if group not in _GROUPS:
        raise ConfigurationError(f"there is no list of '{group}'; {nearest(group, GROUPS)}")
    return {registry.noun: [_row(registry, entry) for entry in registry] for registry in _GROUPS[group]}


def as_text(group: str, width: int | None = None) -> str:
    """Returns a group's table for a terminal, with names on the left and summaries and options on the right.

    Args:
        group: one of `GROUPS`.
        width: the width in columns; that of the terminal if `None`.

    Raises:
        ConfigurationError: if the group is unknown; names the nearest known one.
    """
    width = width or shutil.get_terminal_size((120, 24)).columns
    tables = rows(group)
    indent = max(len(row.name) for table in tables.values() for row in table) + 2
    lines = []
    for noun, table in tables.items():
        lines += [f"{noun}s", *(line for row in table for line in _text_lines(row, indent, width)), ""]
    return "\n".join(lines[:-1])


def as_markdown() -> str:
    """Returns the tables of all groups, which are the content of `docs/registry.md`."""
    lines = [
        "# What a configuration can name",
        "",
        "Made by `python docs/make_registry.py` from the registries; `tfmtl list GROUP` prints the same.",
        "Options are shown with their defaults. A preset's options are those of its task, which a configuration can",
        "override.",
    ]
    for group in GROUPS:
        lines += ["", f"## `tfmtl list {group}`"]
        for noun, table in rows(group).items():
            lines += ["", f"| {noun} | what it is | options |", "| --- | --- | --- |"]
            lines += [f"| `{row.name}` | {_cell(row.summary)} | {_markdown_options(row)} |" for row in table]
    return "\n".join(lines) + "\n"


def _row(registry: Registry, entry: Entry) -> Row:
    options = _preset_options(entry) if registry is PRESETS else _options(entry)
    return Row(entry.name, entry.summary, options)


def _preset_options(entry: Entry) -> dict[str, str]:
    return {key: _shown(value) for key, value in entry.build()["task"].items()}


def _options(entry: Entry) -> dict[str, str]:
    shown = {}
    for name, field in entry.options.model_fields.items():
        if name not in entry.options.not_keys:
            # Earlier versions of pydantic ask for the other fields, which no default here depends on.
            default = field.get_default(call_default_factory=True, validated_data={})
            shown[field.alias or name] = "required" if field.is_required() else _shown(default)
    return shown


def _shown(value: Any) -> str:
    """Returns a value as a configuration would write it."""
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if value.strip() else repr(value)
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _text_lines(row: Row, indent: int, width: int) -> Iterator[str]:
    room = max(width - indent, _NARROWEST)
    options = "  ".join(f"{key}:\N{NO-BREAK SPACE}{value}" for key, value in row.options.items())
    right = [line for text in (row.summary, options) for line in textwrap.wrap(text, room, break_on_hyphens=False)]
    for number, line in enumerate(right):
        left = row.name if number == 0 else ""
        yield f"{left:<{indent}}{line}".replace("\N{NO-BREAK SPACE}", " ")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _markdown_options(row: Row) -> str:
    return ", ".join(f"`{_cell(key)}: {_cell(value)}`" for key, value in row.options.items())
