"""The files that runs and exports are made of, which no other output may replace."""

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path

from tfmtl.core.errors import RunError

_OF_RUNS = (
    *("config.yaml", "rows.json", "history.csv", "checkpoints", "data", "stages", "tensorboard", "tokenizer", "plots"),
    *("report.md", "answers_*.jsonl", "cut_*.json", "adaptation.json", ".lock"),
)
_OF_EXPORTS = (
    *("saved_model.pb", "fingerprint.pb", "metadata.json", "model_card.md", "variables", "assets", "assets.extra"),
    ".lock",
)


def check_output(output: str | Path, *read: str | Path | None) -> None:
    """Checks that an output replaces neither a part of any run or export, nor what it is made from.

    Args:
        output: the file to write.
        *read: the files that are read for it.

    Raises:
        RunError: if it would.
    """
    path = Path(os.path.realpath(output))
    for folder, parts in _around(path):
        if any(fnmatch.fnmatch(path.relative_to(folder).parts[0], part) for part in parts):
            raise RunError(f"{output}: this is a part of {folder}, which would be damaged; choose another file")
    for each in read:
        if each is not None and os.path.exists(each) and os.path.exists(path) and os.path.samefile(each, path):
            raise RunError(f"{output}: this is the file that is read, which would be lost; choose another one")


def check_output_folder(output: str | Path) -> None:
    """Checks that a folder to write several files into is neither a run or a version of an export, nor a part of one.

    Raises:
        RunError: if it is.
    """
    check_output(output)
    path = Path(os.path.realpath(output))
    if _parts_of(path):
        raise RunError(f"{output}: this is a run or an export; choose another folder")


def _around(path: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yields the runs and exports in which a path lies, with the patterns of their parts."""
    for folder in path.parents:
        parts = _parts_of(folder)
        if parts:
            yield folder, parts


def _parts_of(folder: Path) -> tuple[str, ...]:
    """Returns the patterns of the parts of a run, or of a version of an export; empty if the folder is neither."""
    if (folder / "config.yaml").is_file() and ((folder / "rows.json").exists() or (folder / "checkpoints").is_dir()):
        return _OF_RUNS
    return _OF_EXPORTS if (folder / "saved_model.pb").is_file() and (folder / "variables").is_dir() else ()
