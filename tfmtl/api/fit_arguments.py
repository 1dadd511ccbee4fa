"""Checks the arguments of `tfmtl.fit`, whose errors name the argument, and for a table its column or row."""

from collections.abc import Mapping, Sequence
from typing import Any

from tfmtl.api.tables import Columns, columns_of, is_column, is_table
from tfmtl.core.errors import ConfigurationError, DataError, MissingColumnError, nearest, quoted
from tfmtl.core.values import is_absent
from tfmtl.kinds.task import Task, field_names

_ONLY_SOURCE = "data"
_ARGUMENTS = {"train": "data", "validation": "validation", "test": "test"}

Tables = dict[str, dict[str, Columns]]
"""The columns of each source, by the name of the split and then of the source."""


def tables_of(data: Any, validation: Any, test: Any) -> Tables:
    """Returns the tables of each split.

    Raises:
        DataError: if an argument is neither a table nor a mapping from sources to tables.
        ConfigurationError: if a validation or test table belongs to no source with training rows.
    """
    given = {"validation": validation, "test": test}
    splits = {"train": data, **{split: table for split, table in given.items() if table is not None}}
    tables = {split: _by_source(table, split) for split, table in splits.items()}
    for split, of_split in tables.items():
        for source in of_split:
            if source not in tables["train"]:
                names = ", ".join(tables["train"])
                if source == _ONLY_SOURCE:
                    raise ConfigurationError(f"fit: {split}: expected a mapping from sources ({names}) to tables")
                known = nearest(source, tables["train"])
                raise ConfigurationError(f"fit: {split}: no table of 'data' is named '{source}'; {known}")
    return tables


def _by_source(table: Any, split: str) -> dict[str, Columns]:
    if is_table(table) or not isinstance(table, Mapping):
        return {_ONLY_SOURCE: columns_of(table, table_name(split))}
    columns = {name: is_column(each) for name, each in table.items()}
    if any(columns.values()) and not all(columns.values()):
        name = next(name for name, fits in columns.items() if not fits)
        raise DataError(f"{table_name(split, name)}: expected a list of values, found {str(table[name])[:60]!r}")
    return {str(source): columns_of(each, table_name(split, source)) for source, each in table.items()}


def table_name(split: str, source: str = _ONLY_SOURCE) -> str:
    """Returns the name of a table in messages, which is the argument that contains it."""
    argument = _ARGUMENTS[split]
    return f"fit: {argument}" if source == _ONLY_SOURCE else f"fit: {argument}['{source}']"


def source_options(options: Any, tables: Tables) -> dict[str, Mapping[str, Any]]:
    """Returns the configured options of the sources; a source without a table is one of files and has a `format`.

    Raises:
        ConfigurationError: if they are no such options, or name files for rows that are in a table.
    """
    if not isinstance(options, Mapping):
        raise ConfigurationError(f"sources: expected names and their settings, found {options!r}")
    for source, section in options.items():
        place = f"sources.{source}"
        if not isinstance(section, Mapping):
            raise ConfigurationError(f"{place}: expected keys and values, found {section!r}")
        if source not in tables["train"] and "format" not in section:
            known = nearest(str(source), tables["train"])
            raise ConfigurationError(f"{place}: 'data' has no table of this source; {known}")
        taken = ["format", *(split for split in tables if source in tables[split])]
        for key in taken if source in tables["train"] else ():
            if key in section:
                raise ConfigurationError(f"{place}.{key}: remove this key: the rows come from a table")
    return dict(options)


def tasks_of(tasks: Any, sources: Sequence[str]) -> dict[str, Any]:
    """Returns the tasks, each with its source.

    Raises:
        ConfigurationError: if they are not named, or one of them names none of several sources.
    """
    if not isinstance(tasks, Mapping):
        found = type(tasks).__name__ if tasks is not None else "None"
        raise ConfigurationError(f"fit: tasks: expected tasks by their names, {{name: {{'kind': ...}}}}, found {found}")
    return {name: _with_source(name, task, sources) for name, task in tasks.items()}


def _with_source(name: str, task: Any, sources: Sequence[str]) -> Any:
    if not isinstance(task, Mapping) or "source" in task or "preset" in task:
        return task
    if len(sources) > 1:
        raise ConfigurationError(f"tasks.{name}.source: this key is required; known: {', '.join(sources)}")
    return {**task, "source": sources[0]}


def check_columns(tasks: Mapping[str, Task], tables: Tables) -> None:
    """Checks that every table has rows and the columns that its tasks read, with a text in some row.

    Raises:
        DataError: if one of them does not; names the first one.
    """
    for split, of_split in tables.items():
        for source, columns in of_split.items():
            what = table_name(split, source)
            for task in tasks.values():
                if task.source == source:
                    _check_fields(task, columns, what)


def _check_fields(task: Task, columns: Columns, what: str) -> None:
    if not any(columns.values()):
        raise DataError(f"{what}: the table has no rows")
    for field in task.fields:
        if field not in columns:
            raise MissingColumnError(what, field, columns, task.key_of(field))
    for fields in filter(None, map(field_names, (task.text, task.text_pair))):
        if all(is_absent(value) for field in fields for value in columns[field]):
            named = f"the column{'s' if len(fields) > 1 else ''} {quoted(fields)}, the text of task '{task.name}'"
            raise DataError(f"{what}: every row of {named}, is empty")
