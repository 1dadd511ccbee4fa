"""Reads an experiment from a YAML file and applies the settings of the command line that override it."""

import difflib
import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tfmtl.config.experiment import Experiment, parse
from tfmtl.core.errors import ConfigurationError, missing_file

T = TypeVar("T")

CHOICES = ("type", "format", "kind", "method", "schedule", "preset")
"""The keys that choose a registry entry; the other keys of their section are the options of that entry."""


class _Loader(yaml.SafeLoader):
    """A safe YAML loader that raises an error if a key appears twice in a mapping.

    Only what looks like a boolean or a number to people is one: `no`, `on`, `010`, `1:30` and dates are texts, which
    YAML 1.1 takes for false, true, 8, 90 and dates.
    """

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge" or not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' appears twice", key.start_mark
                )
            seen.add(key.value)
        found = super().construct_mapping(node, deep)
        if len(found) < len(seen):
            # Python has one key for 1, 1.0 and true.
            raise yaml.constructor.ConstructorError(None, None, "two keys mean the same; quote one", node.start_mark)
        return found


_RESOLVED = {
    "bool": ("tTfF", r"true|True|TRUE|false|False|FALSE"),
    "int": ("-+0123456789", r"[-+]?(?:0|[1-9][0-9]*)"),
    "float": (
        "-+.0123456789",
        r"[-+]?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    ),
}
"""The first characters and the form of texts without quotes that are no texts, by their YAML type."""

_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag.rpartition(":")[2] not in {*_RESOLVED, "timestamp"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _type, (_first, _form) in _RESOLVED.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_type}", re.compile(f"(?:{_form})$"), [*_first])


def load_experiment(path: str | Path, settings: Iterable[str] = ()) -> Experiment:
    """Reads an experiment from a YAML file.

    Args:
        path: the path of the file.
        settings: `KEY=VALUE` strings that override the file, such as `training.epochs=2`; values are YAML.

    Raises:
        ConfigurationError: if the file, or a file that it extends, does not exist or does not describe an experiment.
    """
    return load(path, settings, parse)


def load(path: str | Path, settings: Iterable[str], parse: Callable[[Mapping[str, Any]], T]) -> T:
    """Reads a YAML file of sections; its name is by default that of the file.

    Args:
        path: the path of the file.
        settings: `KEY=VALUE` strings that override it.
        parse: returns what the values describe.

    Raises:
        ConfigurationError: if the file, or a file that it extends, does not exist, or `parse` raises it.
    """
    path = Path(path)
    settings, files = list(settings), _files(path)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-.") or "experiment"
    values = {"name": name, **functools.reduce(_laid_over, files.values())}
    for setting in settings:
        values = _override(values, setting)
    try:
        return parse(values)
    except ConfigurationError as error:
        raise ConfigurationError(f"{_origin(str(error), files, settings)}{error}") from None


def _check_extends(path: Path, values: Mapping) -> None:
    """Raises if `extends` is misspelt, because the validation of an experiment does not know that key."""
    unknown = [key for key in values if key not in Experiment.model_fields and key != "extends"]
    close = difflib.get_close_matches("extends", map(str, unknown), n=1)
    if close:
        raise ConfigurationError(f"{path}: unknown key '{close[0]}'; did you mean 'extends'?")


def _files(path: Path, extending: tuple[Path, ...] = ()) -> dict[Path, dict]:
    """Returns the values of a file, preceded by those of the files that it `extends`, the innermost base first."""
    values = dict(_read(path))
    _check_extends(path, values)
    if "extends" not in values:
        return {path: values}
    named = values.pop("extends")
    if not isinstance(named, str) or not named:
        raise ConfigurationError(f"{path}: extends: expected the path of a file, relative to this one")
    base = path.parent / named
    extending = (*extending, path.resolve())
    if base.resolve() in extending:
        raise ConfigurationError(f"{path}: extends: '{named}' extends this file in turn")
    if base.is_dir():
        raise ConfigurationError(f"{path}: extends: {base}: this is a folder")
    if not base.is_file():
        raise ConfigurationError(f"{path}: extends: {missing_file(base)}")
    below = _files(base, extending)
    below[base].pop("name", None)
    return {**below, path: values}


def _origin(message: str, files: Mapping[Path, Mapping], settings: Sequence[str]) -> str:
    """Returns a prefix that names the setting or base file that caused an error; empty if it was the file itself.

    The cause is the last setting that sets the error's key, or a section around it, or that chooses a registry entry
    there. If there is no such setting, it is the last file that contains the key.
    """
    place, _, what = message.partition(": ")
    unknown = re.match("unknown key '(.+?)'", what)
    keys = [*place.split("."), *(unknown.groups() if unknown else ())]
    for setting in reversed(settings):
        *above, last = setting.partition("=")[0].split(".")
        if keys[: len(above) + 1] == [*above, last] or (last in CHOICES and keys[: len(above)] == above):
            return f"--set {setting}: "
    said = [path for path, values in files.items() if _stands(keys, values)]
    return f"{said[-1]}: " if said and said[-1] != [*files][-1] else ""


def _stands(keys: Sequence[str], values: Any) -> bool:
    return not keys or (isinstance(values, Mapping) and keys[0] in values and _stands(keys[1:], values[keys[0]]))


def _laid_over(base: Mapping, values: Mapping) -> dict:
    """Returns nested `base`, overridden by nested `values`.

    A section that chooses a different registry entry replaces the one in `base`; a section that is `null` is removed.
    """
    laid = dict(base)
    for key, value in values.items():
        below = base.get(key)
        if value is None and isinstance(below, Mapping):
            del laid[key]
            continue
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        anew = both and any(name in value and value[name] != below.get(name) for name in CHOICES)
        laid[key] = _laid_over(below, value) if both and not anew else value
    return laid


def _read(path: Path) -> Mapping:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise ConfigurationError(missing_file(path)) from None
    except IsADirectoryError:
        raise ConfigurationError(f"{path}: this is a folder; name the YAML file of an experiment") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except yaml.MarkedYAMLError as error:
        place = f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
        raise ConfigurationError(f"{path}: not YAML: {place}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if values is None:
        raise ConfigurationError(f"{path}: this file has no content; a configuration has at least 'tasks'")
    if not isinstance(values, Mapping):
        raise ConfigurationError(f"{path}: expected keys and values, found {type(values).__name__}")
    return values


def _override(values: Mapping, setting: str) -> dict:
    key, separator, text = setting.partition("=")
    if not separator or not key:
        raise ConfigurationError(f"--set {setting}: expected KEY=VALUE, such as training.epochs=2")
    try:
        value = yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"--set {setting}: the value is not YAML: {' '.join(str(error).split())}") from None
    return _replaced(values, key.split("."), value, setting)


def _replaced(values: Mapping, keys: list[str], value: Any, setting: str) -> dict:
    """Returns a copy of nested `values` with `value` at the path `keys`; null removes a section."""
    head, *rest = keys
    if not rest and value is None and isinstance(values.get(head), Mapping):
        return {key: kept for key, kept in values.items() if key != head}
    if rest:
        inner = values.get(head) or {}
        if not isinstance(inner, Mapping):
            raise ConfigurationError(f"--set {setting}: '{head}' holds a value, not keys")
        value = _replaced(inner, rest, value, setting)
    return {**values, head: value}
