"""Registries: one file that registers itself is enough to add an entry; nothing else is edited.

Each registry knows the package whose modules register entries, and imports them at the first lookup. Declaring a
registry therefore imports none of its entries.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from tfmtl.core.errors import ConfigurationError, nearest


class Options(BaseModel):
    """The base class of every typed group of options.

    Unknown keys, numbers that are not finite or exceed 32 bits, and booleans in place of numbers are refused.

    Values do not change after validation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    not_keys: ClassVar[frozenset[str]] = frozenset()
    """Fields that are no keys of a section, since the package sets them itself."""

    @field_validator("*", mode="before")
    @classmethod
    def _no_number_is_true(cls, value: Any, field: ValidationInfo) -> Any:
        annotation = cls.model_fields[field.field_name].annotation
        types = [getattr(part, "__origin__", part) for part in get_args(annotation) or (annotation,)]
        if isinstance(value, bool) and bool not in types and (int in types or float in types):
            raise ValueError("expected a number")
        if isinstance(value, int) and abs(value) >= 2**31:
            raise ValueError("expected a number of at most 32 bits")
        return value


@dataclass(frozen=True)
class Entry:
    """A registry entry: its name, what builds it, the type of its options, and a summary of one line."""

    name: str
    build: Callable[..., Any]
    options: type[Options]

    @property
    def summary(self) -> str:
        return (self.build.__doc__ or "").strip().split("\n")[0]


class Registry:
    """Named entries of one kind, found by importing every module of one package.

    Args:
        noun: the word for an entry in error messages, e.g. `"encoder"`.
        package: the package whose modules register entries.
    """

    def __init__(self, noun: str, package: str):
        self.noun = noun
        self._package = package
        self._entries: dict[str, Entry] = {}
        self._loaded = False

    def register(self, name: str, options: type[Options] = Options) -> Callable:
        """Returns a decorator that registers a class or function under `name` with its typed `options`.

        A class that is itself a group of options needs no separate one.
        """

        def decorate(build):
            known = self._entries.get(name)
            if known and known.build.__module__ != build.__module__:
                raise ValueError(f"two {self.noun}s are named '{name}'")
            typed = build if isinstance(build, type) and issubclass(build, Options) else options
            self._entries[name] = Entry(name, build, typed)
            return build

        return decorate

    def get(self, name: str) -> Entry:
        """Returns the entry `name`, or raises `ConfigurationError` with the nearest known name."""
        self._load()
        if not isinstance(name, str) or name not in self._entries:
            raise ConfigurationError(f"unknown {self.noun} '{name}'; {nearest(name, self._entries)}")
        return self._entries[name]

    def __iter__(self) -> Iterator[Entry]:
        self._load()
        return iter(sorted(self._entries.values(), key=lambda entry: entry.name))

    def _load(self) -> None:
        if self._loaded:
            return
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__, self._package + "."):
            importlib.import_module(module.name)
        self._loaded = True


SOURCES = Registry("source format", "tfmtl.data.sources")
TOKENIZERS = Registry("tokenizer", "tfmtl.data.tokenizers")
SCHEDULES = Registry("mixing schedule", "tfmtl.data.schedules")
MIXING_RULES = Registry("mixing rule", "tfmtl.data.mixing_rules")
PRESETS = Registry("task preset", "tfmtl.config.presets")
KINDS = Registry("task kind", "tfmtl.kinds")
METRICS = Registry("metric", "tfmtl.metrics")
ENCODERS = Registry("encoder", "tfmtl.models.encoders")
DESCRIPTORS = Registry("form of described heads", "tfmtl.models.descriptors")
SHARING = Registry("sharing scheme", "tfmtl.models.sharing")
BALANCING = Registry("balancing method", "tfmtl.balancing.methods")
OPTIMIZERS = Registry("optimizer", "tfmtl.training.optimizers")
META = Registry("meta-learning method", "tfmtl.training.meta_methods")
ADAPTATION = Registry("adaptation method", "tfmtl.adaptation.methods")
SIGNATURES = Registry("signature", "tfmtl.serving.export.endpoints")
