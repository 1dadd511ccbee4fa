"""The docstrings of the Python packages installed beside tfmtl: real text on every machine, without a download.

A docstring's first sentence is its summary, the rest its text, and its top-level package its label; all modules of the
standard library have the label `python`. Files are parsed, never imported.
"""

import gzip
import hashlib
import importlib.metadata
import inspect
import json
import logging
import os
import re
import sys
import sysconfig
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.errors import DataError
from tfmtl.core.registry import SOURCES
from tfmtl.data.docstrings import read_docstrings
from tfmtl.data.rows import Rows
from tfmtl.data.sources.source import SourceOptions, require_fields

STANDARD_LIBRARY = "python"
MINIMUM_TEXT = 80
SUMMARY_WORDS = (3, 30)

_CACHE_FORMAT = 1
_FIELDS = ("text", "summary", "package", "name")
_SKIPPED = re.compile(
    r"(^|/)(tests?|testing|_?test_\w+\.py|\w+_test\.py|conftest\.py"  # tests
    r"|site-packages|dist-packages"  # other packages, below the standard library
    r"|_?vendor(ed)?|third_party|externals?|extern|_distutils"  # copies of other packages
    r"|_api|_tf_keras)(/|$)"  # re-exports
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`])")
"""Where a sentence ends and another begins."""
_NO_SENTENCE = re.compile(r"^[\w.]+\(|^TODO|---|===|>>>|:$|:param |^(Args|Parameters|Returns):? ?$")
"""A signature, a note to oneself, a heading, a doctest, a list's introduction."""

_logger = logging.getLogger("tfmtl")


class PydocsOptions(SourceOptions):
    """Options of the docstrings.

    Attributes:
        minimum_per_package: packages with fewer usable docstrings are left out.
        maximum_per_package: of more docstrings, these are chosen by a hash.
    """

    minimum_per_package: int = Field(300, ge=1)
    maximum_per_package: int = Field(2500, ge=1)


@dataclass(frozen=True)
class PythonFile:
    """A source file of a package.

    Attributes:
        package: the label of its docstrings.
        name: its path below the folder of packages, with slashes.
        path: where it lies.
    """

    package: str
    name: str
    path: Path

    @property
    def module(self) -> str:
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@SOURCES.register("pydocs", options=PydocsOptions)
class PydocsSource:
    """Docstrings of the installed Python packages: fields text, summary, package and name; nothing to download."""

    def __init__(self, options: PydocsOptions):
        self.options = options

    @property
    def splits(self) -> tuple[str, ...]:
        """The three splits; all docstrings of a file stand in the same one."""
        return ("train", "validation", "test")

    def read(self, split: str, fields: Sequence[str]) -> Rows:
        """Returns the columns `fields` of a split; parses the installed packages the first time."""
        require_fields(fields, _FIELDS, "pydocs")
        records = limited(cached_records(), self.options.minimum_per_package, self.options.maximum_per_package)
        records = [record for record in records if split_of(record["file"]) == split]
        if not records:
            raise DataError(f"pydocs: the installed packages have no usable docstrings for {split}")
        columns = {field: [record[field] for record in records] for field in fields}
        return Rows(columns, lambda row: f"pydocs: {records[row]['name']}")


def split_of(file: str) -> str:
    """Returns the split of a file: 90 % of files are train, 5 % validation, 5 % test, by a hash of the name."""
    share = _hash(f"split {file}") % 100
    return "train" if share < 90 else "validation" if share < 95 else "test"


def limited(records: Iterable[dict[str, str]], minimum: int, maximum: int) -> list[dict[str, str]]:
    """Returns the records of the packages that have `minimum` or more, at most `maximum` of each, in their order."""
    packages: dict[str, list[tuple[int, int]]] = defaultdict(list)
    records = list(records)
    for position, record in enumerate(records):
        packages[record["package"]].append((_hash(record["name"] + record["text"]), position))
    kept = [sorted(hashes)[:maximum] for hashes in packages.values() if len(hashes) >= minimum]
    return [records[position] for position in sorted(position for hashes in kept for _, position in hashes)]


def cached_records() -> list[dict[str, str]]:
    """Returns all usable docstrings of the installed packages; parsed again only when a version changes."""
    folder = Path(os.environ.get("TFMTL_CACHE") or Path.home() / ".cache" / "tfmtl")
    path = folder / f"pydocs-{_installed_versions()}.jsonl.gz"
    if path.is_file():
        return _read_cache(path)
    _logger.info("reading the docstrings of the installed Python packages, once")
    records = list(usable_records(installed_files()))
    try:
        with atomic_write(path) as aside, gzip.open(aside, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)
    except OSError as error:
        _logger.warning("the docstrings are not cached: %s; the variable TFMTL_CACHE names another folder", error)
    return records


def usable_records(files: Sequence[PythonFile]) -> Iterator[dict[str, str]]:
    """Yields a record for each docstring that has a summary and a text, none of them twice."""
    texts, summaries = set(), set()
    docstrings = read_docstrings([(file.module, str(file.path)) for file in files])
    for file, of_file in zip(files, docstrings, strict=True):
        for name, docstring in of_file:
            summary, text = split_docstring(docstring)
            if not is_usable(summary, text) or text in texts or (file.package, summary) in summaries:
                continue
            texts.add(text)
            summaries.add((file.package, summary))
            yield {"text": text, "summary": summary, "package": file.package, "name": name, "file": file.name}


def split_docstring(docstring: str) -> tuple[str, str]:
    r"""Returns the first sentence of a docstring, without its full stop, and what follows it.

    >>> split_docstring("Returns the sum. Never fails.\n\n    Args:\n        x: a number.")
    ('Returns the sum', 'Never fails.\n\nArgs:\n    x: a number.')
    """
    first, _, rest = inspect.cleandoc(docstring).partition("\n\n")
    sentence, *others = _SENTENCE_END.split(" ".join(first.split()), maxsplit=1)
    return sentence.rstrip(". "), "\n\n".join(part for part in (*others, rest.strip()) if part)


def is_usable(summary: str, text: str) -> bool:
    """Whether a docstring has a text long enough to be summarised, and a summary that is not copied from it."""
    shortest, longest = SUMMARY_WORDS
    is_sentence = summary[:1].isalpha() and not _NO_SENTENCE.search(summary)
    return (
        is_sentence
        and shortest <= len(summary.split()) <= longest
        and len(text) >= MINIMUM_TEXT
        and summary not in text
    )


def installed_files() -> list[PythonFile]:
    """Returns the files of the standard library and of the packages beside tfmtl, sorted by name, without tests."""
    library = Path(sysconfig.get_paths()["stdlib"])
    found = {
        name: PythonFile(STANDARD_LIBRARY, name, path)
        for path in library.rglob("*.py")
        if (name := path.relative_to(library).as_posix()) and not _SKIPPED.search(name)
    }
    for distribution in importlib.metadata.distributions():
        if distribution.metadata["Name"] == "tfmtl":
            continue
        for entry in distribution.files or ():
            name = entry.as_posix()
            if name.endswith(".py") and not name.startswith("..") and not _SKIPPED.search(name):
                package = name.partition("/")[0].removesuffix(".py")
                found[name] = PythonFile(package, name, Path(distribution.locate_file(entry)))
    return [found[name] for name in sorted(found)]


def _installed_versions() -> str:
    installed = {f"{each.metadata['Name']}=={each.version}" for each in importlib.metadata.distributions()}
    described = json.dumps([_CACHE_FORMAT, sys.version, sorted(installed)])
    return hashlib.sha256(described.encode()).hexdigest()[:16]


def _read_cache(path: Path) -> list[dict[str, str]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path}: this cache cannot be read ({error}); delete it and it is made again") from None


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
