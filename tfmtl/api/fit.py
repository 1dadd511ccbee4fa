"""Trains on tables in memory."""

import itertools
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfmtl.api.tables import Columns, columns_of, is_table
from tfmtl.config.experiment import parse
from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.errors import ConfigurationError, DataError, RunError, nearest
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.train import train_run

_ONLY_SOURCE = "data"


def fit(
    tasks: Mapping[str, Mapping[str, Any]],
    data: Any,
    validation: Any = None,
    test: Any = None,
    run: str | Path | None = None,
    **sections: Any,
) -> RunFolder:
    """Trains on tables in memory; returns the run, which `evaluate`, `load`, `export` and `compare` accept.

    The run's folder keeps the fields that the tasks read, as JSON lines, so that a run can be evaluated, compared and
    resumed in another process. Repeating the same call with the same `run` resumes an interrupted training, or finds it
    finished.

    Args:
        tasks: the tasks as in a YAML file, such as
            `{"queue": {"kind": "classification", "text": "body", "label": "queue"}}`; a task's `source` may be left out
            if there is only one table.
        data: the training rows: a DataFrame, a dict of columns, a list of dicts or a Hugging Face `Dataset`; or a
            mapping from the names of sources to such tables.
        validation: the validation rows, likewise; `None` cuts them from `data`.
        test: the test rows, likewise.
        run: the run's folder; `None` means the first of `runs/fit-1`, `runs/fit-2` ... that does not exist.
        **sections: further sections of the experiment, as in YAML: `model=`, `tokenizer=`, `training=` ...

    Raises:
        UserError: if an argument cannot be used; nothing is left behind then.
    """
    folder = RunFolder(run) if run is not None else _next_folder()
    splits = {"train": data, "validation": validation, "test": test}
    tables = {split: _by_source(table, split) for split, table in splits.items() if table is not None}
    sources = list(tables["train"])
    _check_sources(tables, sources)
    tasks = {name: _with_source(name, task, sources) for name, task in tasks.items()}
    options = sections.pop("sources", {})
    files = {
        source: {split: folder.data / f"{source}_{split}.jsonl" for split in tables if source in tables[split]}
        for source in sources
    }
    described = dict(options) | {
        source: {"format": "jsonl", **options.get(source, {}), **{split: str(path) for split, path in paths.items()}}
        for source, paths in files.items()
    }
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.path.name).strip("-.") or "fit"
    experiment = parse({"name": name, **sections, "sources": described, "tasks": tasks})
    fields = {source: [] for source in sources}
    for task in experiment.tasks.values():
        fields.setdefault(task.source, []).extend(task.fields)
    texts = {
        path: _lines(tables[split][source], fields[source], _what(split, source))
        for source, paths in files.items()
        for split, path in paths.items()
    }
    with _stored(folder, texts):
        return train_run(experiment, folder)


def _next_folder() -> RunFolder:
    paths = (Path("runs") / f"fit-{number}" for number in itertools.count(1))
    return RunFolder(next(path for path in paths if not path.exists()))


def _by_source(table: Any, split: str) -> dict[str, Columns]:
    """Returns the columns of each source of a split."""
    if is_table(table) or not isinstance(table, Mapping):
        return {_ONLY_SOURCE: columns_of(table, _what(split))}
    return {str(source): columns_of(each, _what(split, source)) for source, each in table.items()}


def _check_sources(tables: Mapping[str, Mapping[str, Columns]], sources: list[str]) -> None:
    """Checks that every table belongs to a source with training rows."""
    for split, of_split in tables.items():
        for source in of_split:
            if source not in sources:
                raise ConfigurationError(f"fit: {split}: 'data' has no source '{source}'; {nearest(source, sources)}")


def _what(split: str, source: str = _ONLY_SOURCE) -> str:
    """Returns the name of a table in messages, which is the argument that contains it."""
    argument = "data" if split == "train" else split
    return f"fit: {argument}" if source == _ONLY_SOURCE else f"fit: {argument}['{source}']"


def _with_source(name: str, task: Any, sources: list[str]) -> Any:
    if not isinstance(task, Mapping) or "source" in task or "preset" in task:
        return task
    if len(sources) > 1:
        raise ConfigurationError(f"tasks.{name}.source: this key is required; known: {', '.join(sources)}")
    return {**task, "source": sources[0]}


def _lines(columns: Columns, fields: list[str], what: str) -> str:
    """Returns the fields of a table as JSON lines.

    Raises:
        DataError: if the table lacks one of them.
    """
    fields = list(dict.fromkeys(fields))
    for field in fields:
        if field not in columns:
            raise DataError(f"{what}: there is no column '{field}'; {nearest(field, columns)}")
    rows = zip(*(columns[field] for field in fields), strict=True)
    return "".join(json.dumps(dict(zip(fields, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)


@contextmanager
def _stored(folder: RunFolder, texts: Mapping[Path, str]) -> Iterator[None]:
    """Keeps the rows in the run's folder; if the run never begins, nothing of them is left.

    Raises:
        RunError: if the folder contains a run with other rows.
    """
    if folder.config.is_file():
        for path, text in texts.items():
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                raise RunError(f"{folder.path}: this run was trained on other rows; choose another folder by 'run'")
        yield
        return
    is_new = not folder.path.exists()
    if not is_new and any(folder.path.iterdir()):
        raise RunError(f"{folder.path}: the folder is not empty and holds no run; choose another by 'run'")
    try:
        for path, text in texts.items():
            with atomic_write(path) as aside:
                aside.write_text(text, encoding="utf-8")
        yield
    finally:
        if not folder.config.is_file():
            shutil.rmtree(folder.path if is_new else folder.data, ignore_errors=True)
