"""Errors that a user can fix; the command line prints each as one line and exits with code 2."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path


class UserError(Exception):
    """Input that cannot be used as it is: a configuration, a file, a run folder or a text.

    The message is one line. It names the problem, its place and, if there is one, the nearest correct value.
    """


class ConfigurationError(UserError):
    """A configuration that does not describe an experiment."""


class DataError(UserError):
    """A source, file, column or row that cannot be used."""


class MissingColumnError(DataError):
    """A field that a task reads and a table does not have.

    Args:
        place: the table.
        field: the missing field.
        known: the columns of the table.
        key: the key of the configuration that names the field; empty if it is not known.
    """

    def __init__(self, place: str, field: str, known: Iterable[str], key: str = ""):
        self.place, self.field, self.known = place, field, list(known)
        named = f", which {key} names" if key else ""
        super().__init__(f"{place}: there is no column '{field}'{named}; {nearest(field, self.known)}")


class RunError(UserError):
    """A run folder, checkpoint or export that cannot do what was asked of it."""


_MOST_NAMES = 30
_LONGEST_NAME = 40
_LONGEST_REASON = 200


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns a phrase that suggests the known name closest to `name`, if any is close, and lists the known names.

    >>> nearest("clasification", ["classification", "regression"])
    "did you mean 'classification'? (known: classification, regression)"
    >>> nearest("x", ["a", "b"])
    'known: a, b'
    """
    names = sorted(known)
    known_names = f"known: {listed(names)}"
    close = difflib.get_close_matches(str(name), names, n=1)
    return f"did you mean '{close[0]}'? ({known_names})" if close else known_names


def reason_of(error: Exception) -> str:
    """Returns on one line why the system, or TensorFlow, could not do something."""
    return getattr(error, "strerror", None) or " ".join(str(error).split())[:_LONGEST_REASON]


def listed(names: Sequence[str]) -> str:
    """Returns names with commas between them; long names, and long lists of names, are cut."""
    shown = [name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..." for name in names[:_MOST_NAMES]]
    more = [f"and {len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    return ", ".join([*shown, *more]) or "none"


def quoted(names: Iterable[str], conjunction: str = "and") -> str:
    """Returns names in quotation marks with a word between them.

    >>> quoted(["a", "b"], "or")
    "'a' or 'b'"
    """
    return f" {conjunction} ".join(f"'{name}'" for name in names)


def missing_file(path: str | Path) -> str:
    """Returns a sentence that says that a file does not exist, with the most similar name in its folder."""
    path = Path(path)
    sentence = f"{path}: there is no such file"
    if not path.parent.is_dir():
        return f"{sentence}, and no folder {path.parent}"
    return sentence + _similar(path, (entry.name for entry in path.parent.iterdir()))


def missing_folder(path: str | Path, what: str) -> str:
    """Returns a sentence that says that a folder does not exist, with the most similar one beside it.

    >>> missing_folder("nowhere/a", "run folder")
    'nowhere/a: there is no such run folder'
    """
    path = Path(path)
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    return f"{path}: there is no such {what}" + _similar(path, (each.name for each in beside if each.is_dir()))


def _similar(path: Path, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(path.name, sorted(names), n=1)
    return f"; did you mean '{path.parent / close[0]}'?" if close else ""
