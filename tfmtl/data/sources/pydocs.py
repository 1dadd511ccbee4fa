"""The docstrings of the Python packages installed beside tfmtl: real text on every machine, without a download.

The first sentence of a docstring is the summary, the rest is the text, and the top-level package is the label. All
modules of the standard library have the label `python`. Files are parsed, never imported.
"""

import gzip
import hashlib
import importlib.metadata
import inspect
import json
import logging
import re
import sys
import sysconfig
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.cache import default_cache_folder
from tfmtl.core.descriptions import Described, first_wrong
from tfmtl.core.errors import DataError, reason_of
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
"""The white space between two sentences."""
_NO_SENTENCE = re.compile(r"^[\w.]+\(|^TODO|---|===|>>>|:$|:param |^(Args|Parameters|Returns):? ?$")
"""What marks a first line that is not a sentence: a signature, a TODO, a heading, a doctest, the start of a list."""

_logger = logging.getLogger("tfmtl")


class PydocsOptions(SourceOptions):
    """How many docstrings of a package are used.

    Attributes:
        minimum_per_package: the number of usable docstrings below which a package is left out.
        maximum_per_package: the maximum number of docstrings per package; if there are more, a hash chooses among them.
    """

    minimum_per_package: int = Field(300, ge=1)
    maximum_per_package: int = Field(2500, ge=1)


@dataclass(frozen=True)
class PythonFile:
    """A source file of a package.

    Attributes:
        package: the label of its docstrings.
        name: its path below the folder of packages, with slashes.
        path: its path on this machine.
    """

    package: str
    name: str
    path: Path

    @property
    def module(self) -> str:
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@SOURCES.register("pydocs", options=PydocsOptions)
class PydocsSource:
    """Docstrings of the installed Python packages: fields text, summary, package and name; needs no download."""

    def __init__(self, options: PydocsOptions):
        self.options = options

    @property
    def splits(self) -> tuple[str, ...]:
        """The three splits; all docstrings of a file are in the same split."""
        return ("train", "validation", "test")

    def read(self, split: str, fields: Sequence[str]) -> Rows:
        """Returns the columns `fields` of a split; the first call parses the installed packages."""
        require_fields(fields, _FIELDS, "pydocs")
        records = limited(cached_records(), self.options.minimum_per_package, self.options.maximum_per_package)
        records = [record for record in records if split_of(record["file"]) == split]
        if not records:
            raise DataError(f"pydocs: the installed packages have no usable docstrings for {split}")
        columns = {field: [record[field] for record in records] for field in fields}
        return Rows(columns, lambda row: f"pydocs: {records[row]['name']}")


class _Record(Described):
    """A docstring, as the cache keeps it: the values of the fields, and the file that it is in."""

    text: str
    summary: str
    package: str
    name: str
    file: str


def split_of(file: str) -> str:
    """Returns the split of a file, by a hash of its name: 90 % are `train`, 5 % `validation`, 5 % `test`."""
    share = _hash(f"split {file}") % 100
    return "train" if share < 90 else "validation" if share < 95 else "test"


def limited(records: Iterable[dict[str, str]], minimum: int, maximum: int) -> list[dict[str, str]]:
    """Returns the records of packages with at least `minimum` of them, at most `maximum` each; keeps their order."""
    packages: dict[str, list[tuple[int, int]]] = defaultdict(list)
    records = list(records)
    for position, record in enumerate(records):
        packages[record["package"]].append((_hash(record["name"] + record["text"]), position))
    kept = [sorted(hashes)[:maximum] for hashes in packages.values() if len(hashes) >= minimum]
    return [records[position] for position in sorted(position for hashes in kept for _, position in hashes)]


def cached_records() -> list[dict[str, str]]:
    """Returns all usable docstrings of the installed packages; they are parsed again only when a version changes."""
    path = default_cache_folder() / f"pydocs-{_installed_versions()}.jsonl.gz"
    found = _read_cache(path)
    if found is not None:
        return found
    _logger.info("reading the docstrings of the installed Python packages, once")
    records = list(usable_records(installed_files()))
    try:
        with atomic_write(path) as aside, gzip.open(aside, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)
    except OSError as error:
        _logger.warning("the docstrings are not cached: %s; the variable TFMTL_CACHE names another folder", error)
    return records


def usable_records(files: Sequence[PythonFile]) -> Iterator[dict[str, str]]:
    """Yields a record for each docstring that has a usable summary and text, without duplicates."""
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
    """Returns whether a text is long enough to be summarised and its summary is a sentence that is not part of it."""
    shortest, longest = SUMMARY_WORDS
    is_sentence = summary[:1].isalpha() and not _NO_SENTENCE.search(summary)
    return (
        is_sentence
        and shortest <= len(summary.split()) <= longest
        and len(text) >= MINIMUM_TEXT
        and summary not in text
    )


def installed_files() -> list[PythonFile]:
    """Returns the files of the standard library and of the other installed packages, without tests, sorted by name."""
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


def _read_cache(path: Path) -> list[dict[str, str]] | None:
    """Returns the records in a file of the cache; `None` if there is none, or a warning says that it is damaged."""
    if not path.is_file():
        return None
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            records = [_Record.model_validate_json(line).model_dump() for line in file]
        if not records:
            raise EOFError("it is empty")
        return records
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = first_wrong(error) if isinstance(error, ValidationError) else reason_of(error)
        _logger.warning("%s: damaged: %s; it is made again", path, reason)
        return None


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
