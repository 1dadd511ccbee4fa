"""Turns plain mappings into typed options; errors are one line that names the place and the nearest correct key."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, PlainSerializer, ValidationError

from tfmtl.core.errors import ConfigurationError, nearest
from tfmtl.core.registry import Entry, Options, Registry


def validate(options: type[Options], values: Any, place: str) -> Any:
    """Returns `options(**values)`.

    Raises:
        ConfigurationError: if the values are not valid; one line with the key's full path, which starts with `place`.
    """
    if isinstance(values, options):
        return values
    if not isinstance(values, Mapping):
        raise ConfigurationError(f"{place or 'configuration'}: expected keys and values, found {values!r}")
    try:
        return options.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigurationError(_one_line(options, error, place)) from None


def _one_line(options: type[BaseModel], error: ValidationError, place: str) -> str:
    # A misspelt key explains why another one is missing.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    path = _path(first)
    where = ".".join(filter(None, [place, *path]))
    if first["type"] == "extra_forbidden":
        parent = ".".join(filter(None, [place, *path[:-1]])) or "configuration"
        known = _keys(options, path[:-1])
        meant = next((key for key in _ELSEWHERE.get(path[-1], ()) if key in known), path[-1])
        return f"{parent}: unknown key '{path[-1]}'; {nearest(meant, known)}"
    if first["type"] == "missing":
        return f"{where}: this key is required"
    # A value that fits no branch of a union has an error for each of them.
    alternatives = [_expected(each) for each in error.errors() if _path(each) == path]
    message = _MESSAGES.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    if all(alternatives):
        message = f"expected {' or '.join(dict.fromkeys(alternatives))}"
    found = "" if isinstance(first["input"], Mapping) else f", found {first['input']!r}"
    return f"{where or 'configuration'}: {message[0].lower()}{message[1:]}{found}"


_ELSEWHERE = {
    "batch": ("batch_size",),
    "bs": ("batch_size",),
    "dev": ("validation",),
    "val": ("validation",),
    "valid": ("validation",),
    "eval": ("validation", "evaluation"),
    "data": ("sources", "train"),
    "dataset": ("sources", "source"),
    "file": ("train",),
    "path": ("train",),
    "files": ("train",),
    "hidden_dim": ("hidden",),
    "hidden_size": ("hidden",),
    "d_model": ("hidden",),
    "intermediate_size": ("feedforward",),
    "num_layers": ("layers",),
    "num_heads": ("heads",),
    "num_attention_heads": ("heads",),
    "num_epochs": ("epochs",),
    "num_train_epochs": ("epochs",),
    "per_device_train_batch_size": ("batch_size",),
    "gradient_accumulation_steps": ("accumulation",),
    "lr": ("learning_rate",),
    "max_len": ("max_length",),
    "max_seq_length": ("max_length",),
    "max_source_length": ("max_length",),
    "max_target_length": ("max_length",),
    "max_new_tokens": ("max_length",),
    "model_max_length": ("max_length",),
    "num_beams": ("beams",),
    "pretrained": ("preset",),
    "model_name": ("preset",),
    "sep": ("delimiter",),
    "separator": ("delimiter",),
    "target": ("summary", "label", "labels"),
    "target_text": ("summary", "target"),
    "tgt": ("target", "summary"),
    "reference": ("summary", "target"),
    "references": ("summary", "target"),
    "score": ("target",),
    "y": ("label", "labels", "target", "summary"),
    "input": ("text",),
    "src": ("text",),
    "sentence": ("text",),
    "sentence1": ("text",),
    "sentence2": ("text_pair",),
    "text2": ("text_pair",),
    "vocab_size": ("vocabulary_size",),
    "warmup_ratio": ("warmup",),
    "warmup_proportion": ("warmup",),
}
"""Keys of other tools, and what may be meant by them here."""


def _path(error: Mapping) -> list[str]:
    """Returns the keys of an error's place, without the branches of unions, which are named after types."""
    return [str(part) for part in error["loc"] if str(part) not in _BRANCHES and "[" not in str(part)]


def _expected(error: Mapping) -> str | None:
    """Returns what a value should have been, or None if its type is not what is wrong with it."""
    if error["type"] == "literal_error":
        return error["ctx"]["expected"]
    return _TYPES.get(error["type"])


_MESSAGES = {"too_short": "name at least one"}
"""Replacements for Pydantic's messages that speak of Python types."""

_TYPES = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "keys and values",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "keys and values",
    "string_type": "a text",
    "tuple_type": "a list",
}
"""What a user calls the types that a value can have."""

_BRANCHES = {"bool", "int", "float", "str", "list", "dict", "tuple", "none"}
"""Names that Pydantic gives to the branches of a union; no key of ours is one of them."""


def _keys(options: type[BaseModel], path: list[str]) -> list[str]:
    for part in path:
        if part in options.model_fields:
            # A section that may be absent, or a list of sections.
            options = next(_sections(options.model_fields[part].annotation), options)
    left_out = getattr(options, "not_keys", ())
    return [field.alias or name for name, field in options.model_fields.items() if name not in left_out]


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yields the sections that the type of a field contains."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)


def missing_choice(section: Mapping, keys: Sequence[str], registry: Registry, place: str) -> ConfigurationError:
    """Returns the error that a section has none of the `keys` that choose an entry, with the one it misspells."""
    for key in keys:
        close = difflib.get_close_matches(key, map(str, section), n=1)
        if close:
            return ConfigurationError(f"{place}: unknown key '{close[0]}'; did you mean '{key}'?")
    listed = " and ".join(f"'{key}'" for key in keys)
    required = f"one of the keys {listed} is required" if len(keys) > 1 else f"the key {listed} is required"
    return ConfigurationError(f"{place}: {required}; {nearest('', (entry.name for entry in registry))}")


class Choice(BaseModel):
    """One entry of a registry with its validated options."""

    key: str
    name: str
    options: Any

    def as_mapping(self) -> dict:
        """Returns the choice as a configuration writes it: the entry's name under its key, and its options."""
        return {self.key: self.name, **self.options.model_dump(mode="json")}


def choice_of(registry: Registry, key: str, default: str, place: str) -> Any:
    """Returns the type of a configuration section such as `{type: transformer, layers: 4}`.

    Args:
        registry: the registry of the names; the other keys are validated by the options of the named entry.
        key: the key that holds the name, e.g. `"type"`.
        default: the name if the section does not give one.
        place: the section's path, for error messages.
    """

    def parse(section: Any) -> Choice:
        return _choice(section, registry, key, default, place)

    return Annotated[Choice, BeforeValidator(parse), PlainSerializer(Choice.as_mapping)]


def choice_or_none(registry: Registry, key: str, default: str, place: str) -> Any:
    """Returns the type of a section as `choice_of` does, which may be absent."""

    def parse(section: Any) -> Choice | None:
        return None if section is None else _choice(section, registry, key, default, place)

    def plain(choice: Choice | None) -> dict | None:
        return None if choice is None else choice.as_mapping()

    return Annotated[Choice | None, BeforeValidator(parse), PlainSerializer(plain)]


def _choice(section: Any, registry: Registry, key: str, default: str, place: str) -> Choice:
    if isinstance(section, Choice):
        return section
    if isinstance(section, str):
        section = {key: section}
    if not isinstance(section, Mapping):
        raise ConfigurationError(f"{place}: expected keys and values, found {section!r}")
    rest = dict(section)
    entry = lookup(registry, rest.pop(key, default), f"{place}.{key}")
    return Choice(key=key, name=entry.name, options=validate(entry.options, rest, place))


def lookup(registry: Registry, name: str, place: str) -> Entry:
    """Returns the entry `name`; an error names the place in the configuration that asks for it."""
    try:
        return registry.get(name)
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error}") from None
