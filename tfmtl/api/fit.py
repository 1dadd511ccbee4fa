"""Trains on tables in memory."""

import itertools
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfmtl.api.fit_arguments import check_columns, source_options, table_name, tables_of, tasks_of
from tfmtl.api.tables import Columns
from tfmtl.config.experiment import parse
from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.errors import RunError, UserError
from tfmtl.core.lock import contents, locked
from tfmtl.core.messages import show_messages
from tfmtl.runs.identity import check_place
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.train import train_run


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
        UserError: if an argument cannot be used; nothing is left behind then. It names rows of a table by their
            positions, counted from 0.
    """
    show_messages()
    folder = RunFolder(run) if run is not None else _next_folder()
    tables = tables_of(data, validation, test)
    sources = list(tables["train"])
    tasks = tasks_of(tasks, sources)
    options = source_options(sections.pop("sources", {}), tables)
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
    check_columns(experiment.tasks, tables)
    fields = {source: [] for source in sources}
    for task in experiment.tasks.values():
        fields.setdefault(task.source, []).extend(task.fields)
    kept = {path: (split, source) for source, paths in files.items() for split, path in paths.items()}
    texts = {path: _lines(tables[split][source], fields[source]) for path, (split, source) in kept.items()}
    with _rows_of_tables({path: table_name(*table) for path, table in kept.items()}), _stored(folder, texts):
        return train_run(experiment, folder)


def _next_folder() -> RunFolder:
    paths = (Path("runs") / f"fit-{number}" for number in itertools.count(1))
    return RunFolder(next(path for path in paths if not path.exists()))


def _lines(columns: Columns, fields: list[str]) -> str:
    """Returns the fields of a table as JSON lines."""
    fields = list(dict.fromkeys(fields))
    rows = zip(*(columns[field] for field in fields), strict=True)
    return "".join(json.dumps(dict(zip(fields, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)


@contextmanager
def _rows_of_tables(names: Mapping[Path, str]) -> Iterator[None]:
    """Makes errors name rows of the caller's tables, counted from 0, not lines of the files that keep them."""
    try:
        yield
    except UserError as error:
        message = str(error)
        for path, name in names.items():
            line = re.compile(rf"{re.escape(str(path))}(?::(\d+))?")
            message = line.sub(
                lambda found, name=name: name + (f": row {int(found[1]) - 1}" if found[1] else ""), message
            )
        error.args = (message,)
        raise error from None


def _write(folder: RunFolder, texts: Mapping[Path, str]) -> None:
    check_place(folder)
    try:
        with locked(folder.path):
            for path, text in texts.items():
                with atomic_write(path) as aside:
                    aside.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder.path}: cannot be written: {error.strerror}; choose another by 'run'") from None
    except RunError as error:
        raise RunError(f"{error}; choose another by 'run'") from None


@contextmanager
def _stored(folder: RunFolder, texts: Mapping[Path, str]) -> Iterator[None]:
    """Keeps the rows in the run's folder, and removes them if training does not start.

    Raises:
        RunError: if the folder contains a run with other rows, or cannot be written.
    """
    if folder.config.is_file():
        for path, text in texts.items():
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                raise RunError(f"{folder.path}: this run was trained on other rows; choose another folder by 'run'")
        yield
        return
    is_new = not folder.path.exists()
    if folder.path.is_dir() and contents(folder.path):
        raise RunError(f"{folder.path}: the folder is not empty and holds no run; choose another by 'run'")
    try:
        _write(folder, texts)
        yield
    finally:
        if not folder.config.is_file():
            shutil.rmtree(folder.path if is_new else folder.data, ignore_errors=True)
