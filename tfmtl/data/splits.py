"""The splits of a source; a validation or test split that it does not have is cut from its training split."""

import logging
from collections.abc import Iterable, Sequence

import numpy as np

from tfmtl.core.errors import DataError, nearest
from tfmtl.data.rows import Rows, joined
from tfmtl.data.sources.files import FileSource
from tfmtl.data.sources.source import Source

CUT_SHARE = 0.1
CUT_MAXIMUM = 2000
_CUT = ("validation", "test")

_logger = logging.getLogger("tfmtl")


def missing_splits(source: Source) -> tuple[str, ...]:
    """Returns which of `validation` and `test` a source does not have and are cut from its training split."""
    return tuple(split for split in _CUT if split not in source.splits) if source.options.cut else ()


def require_split(source: Source, name: str, split: str) -> None:
    """Raises `DataError` if a source does not have a split and none is cut from its training split."""
    if split not in (*source.splits, *missing_splits(source)):
        raise DataError(f"source '{name}': there is no split '{split}'; {nearest(split, source.splits)}")


def read_splits(source: Source, name: str, splits: Iterable[str], fields: Sequence[str], seed: int) -> dict[str, Rows]:
    """Reads splits of a source.

    A validation or test split that the source does not have is cut from its training split: 10 % of the rows, at most
    2,000, which depend on `seed` alone and not on the requested splits. The training split never contains these rows.

    Args:
        source: the source to read.
        name: the name of the source, for messages.
        splits: the names of the requested splits.
        fields: the names of the requested columns.
        seed: the seed that chooses the rows to cut.

    Raises:
        DataError: if a split does not exist, or if the source raises it.
    """
    splits = tuple(splits)
    missing = missing_splits(source)
    for split in splits:
        require_split(source, name, split)
    from_train = {"train", *missing} if missing else set()
    read = {split: source.read(split, fields) for split in splits if split not in from_train}
    if from_train & set(splits):
        if "train" not in source.splits:
            raise DataError(f"source '{name}': there is no split 'train'; {nearest('train', source.splits)}")
        of_train = from_train & set(splits)
        if "train" not in of_train and isinstance(source, FileSource):
            read.update(_cut_alone(source, fields, name, of_train, seed))
        else:
            read.update(_cut(source.read("train", fields), name, missing, seed))
    return {split: read[split] for split in splits}


def _cut(train: Rows, name: str, missing: Sequence[str], seed: int) -> dict[str, Rows]:
    places = cut_places(len(train), name, missing, seed)
    return {split: train.take(of_split.tolist()) for split, of_split in places.items()}


def _cut_alone(
    source: FileSource, fields: Sequence[str], name: str, splits: Iterable[str], seed: int
) -> dict[str, Rows]:
    """Returns splits that are cut from the training split, of which no other row is held in memory."""
    rows = sum(len(chunk) for chunk in source.chunks("train", fields))
    places = cut_places(rows, name, missing_splits(source), seed)
    parts: dict[str, list[Rows]] = {split: [] for split in splits}
    first = 0
    for chunk in source.chunks("train", fields):
        for split, found in parts.items():
            begin, end = np.searchsorted(places[split], [first, first + len(chunk)])
            found.append(chunk.take((places[split][begin:end] - first).tolist()))
        first += len(chunk)
    return {split: joined(found) for split, found in parts.items()}


def cut_places(rows: int, name: str, missing: Sequence[str], seed: int) -> dict[str, np.ndarray]:
    """Returns which rows of a training split belong to it and to the splits that are cut from it; says how many.

    Args:
        rows: the number of rows of the training split.
        name: the name of the source, for messages.
        missing: the names of the splits to cut.
        seed: the seed that chooses the rows.

    Returns:
        For each split, sorted indices, int64 `[rows of the split]`.

    Raises:
        DataError: if there are too few rows.
    """
    size = min(CUT_MAXIMUM, max(1, int(rows * CUT_SHARE)))
    if rows <= size * len(missing):
        missing_names = " and ".join(missing)
        raise DataError(f"source '{name}': too few training rows to cut {missing_names} from them: {rows}")
    order = np.random.default_rng(seed).permutation(rows)
    parts = {}
    for position, split in enumerate(missing):
        parts[split] = np.sort(order[position * size : (position + 1) * size])
    parts["train"] = np.sort(order[len(missing) * size :])
    absent, each = " and no ".join(missing), "each" if len(missing) > 1 else "it"
    message = "source '%s' has no %s: %d of its %d training rows are cut off for %s, chosen by seed %d"
    _logger.info(message, name, absent, size, rows, each, seed)
    return parts


def limited(rows: Rows, size: int | None) -> Rows:
    """Returns at most `size` rows; see `limited_places`."""
    return rows if size is None or size >= len(rows) else rows.take(limited_places(len(rows), size).tolist())


def limited_places(rows: int, size: int) -> np.ndarray:
    """Returns which `size` of some rows are used, as sorted indices: the first of a shuffle that is always the same.

    They do not depend on the experiment's seed, so that experiments that differ in it have the same rows, unless the
    seed has cut other splits from them; and a larger size adds rows to those of a smaller one.
    """
    return np.sort(np.random.default_rng(0).permutation(rows)[:size])
