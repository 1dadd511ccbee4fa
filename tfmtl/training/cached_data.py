"""What a training of large sources finds in the cache or writes there: rows, tokenizer, tokens and plan.

Where no source is large, nothing is read there or written.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tfmtl
from tfmtl.config.experiment import Experiment
from tfmtl.core.cache import found_or_made, key_of
from tfmtl.core.errors import RunError
from tfmtl.core.registry import TOKENIZERS
from tfmtl.data.plan import Allocate, Plan, in_memory
from tfmtl.data.stored.plan import FORMAT_OF_PLANS, stored_plan
from tfmtl.data.stored.streams import FORMAT, is_large
from tfmtl.data.stored.tables import stored_tables
from tfmtl.data.streams import Stream
from tfmtl.data.tables import Table, build_tables
from tfmtl.runs.fingerprints import Fingerprints


class CachedData:
    """The cache as an experiment uses it.

    Args:
        experiment: the experiment.
        rows: the fingerprints of its rows.
    """

    def __init__(self, experiment: Experiment, rows: Fingerprints):
        self._experiment = experiment
        self._rows = {stream: dict(splits) for stream, splits in rows.items()}
        self._tables = ""
        self.used = any(is_large(experiment, task.source) for task in experiment.tasks.values())

    def tokenizer(self, train: Callable[[], Any], of_tasks: Sequence[Any]) -> Any:
        """Returns the tokenizer that `train` returns for the texts of tasks, which are given by name and kind."""
        if not self.used:
            return train()
        choice = self._experiment.tokenizer
        load = TOKENIZERS.get(choice.name).build.load
        key = self._key(tokenizer=choice.as_mapping(), seed=self._experiment.training.seed, tasks=of_tasks)
        entry = self._experiment.cache.path / "tokenizers" / key

        def make(folder: Path) -> dict:
            train().save(folder)
            return {}

        return found_or_made(entry, make, lambda _: load(entry))[0]

    def train_tables(self, streams: Sequence[Stream], tokenizer: Any) -> list[Table]:
        """Returns the tables of the training split."""
        packing = self._experiment.model.encoder.options.packing
        if not self.used:
            return build_tables(streams, "train", tokenizer, packing)
        tasks = [task.as_mapping() | {"name": task.name} for stream in streams for task in stream.tasks]
        key = self._key(tokenizer=_digest(tokenizer), packing=vars(packing), tasks=tasks)
        self._tables = key
        return stored_tables(self._experiment.cache.path / "tables" / key, streams, "train", tokenizer, packing)

    def plan(self, tables: Sequence[Table], make_plan: Callable[[Allocate], Plan], depends_on: Sequence[Any]) -> Plan:
        """Returns the plan that `make_plan` makes of the tables of the training split.

        Args:
            tables: the tables.
            make_plan: makes the plan, given a function that returns the arrays for its rows.
            depends_on: what it depends on beside the tables, in the types of JSON.
        """
        if not self.used:
            return make_plan(in_memory)
        key = key_of({"format": FORMAT_OF_PLANS, "tables": self._tables, "depends_on": depends_on})
        return stored_plan(self._experiment.cache.path / "plans" / key, tables, make_plan)

    def _key(self, **values: Any) -> str:
        rows = [[stream, splits["train"]] for stream, splits in self._rows.items()]
        return key_of({"format": FORMAT, "version": tfmtl.__version__, "rows": rows, **values})


@contextmanager
def naming_the_cache(experiment: Experiment) -> Iterator[None]:
    """Lets errors of writing the cache say how to move it, or to do without."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{error.filename or experiment.cache.path}: the cache cannot be written: {error.strerror}; 'cache.folder' "
            "or the variable TFMTL_CACHE names another folder, and 'cache: false' keeps all rows in memory"
        ) from None


def _digest(tokenizer: Any) -> str:
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(Path(folder))
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(folder)} {path.stat().st_size}\n".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
