"""The splits of a source; a validation or test split that it does not have is cut from its training split."""

import logging
from collections.abc import Iterable, Sequence

import numpy as np

from tfmtl.core.errors import DataError, nearest
from tfmtl.data.rows import Rows
from tfmtl.data.sources.source import Source

CUT_SHARE = 0.1
CUT_MAXIMUM = 2000
_CUT = ("validation", "test")

_logger = logging.getLogger("tfmtl")


def missing_splits(source: Source) -> tuple[str, ...]:
    """Returns which of `validation` and `test` a source does not have and are cut from its training split."""
    return tuple(split for split in _CUT if split not in source.splits) if source.options.cut else ()


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
        if split not in (*source.splits, *missing):
            raise DataError(f"source '{name}': there is no split '{split}'; {nearest(split, source.splits)}")
    from_train = {"train", *missing} if missing else set()
    read = {split: source.read(split, fields) for split in splits if split not in from_train}
    if from_train & set(splits):
        if "train" not in source.splits:
            raise DataError(f"source '{name}': there is no split 'train'; {nearest('train', source.splits)}")
        read.update(_cut(source.read("train", fields), name, missing, seed))
    return {split: read[split] for split in splits}


def _cut(train: Rows, name: str, missing: Sequence[str], seed: int) -> dict[str, Rows]:
    size = min(CUT_MAXIMUM, max(1, int(len(train) * CUT_SHARE)))
    if len(train) <= size * len(missing):
        missing_names = " and ".join(missing)
        raise DataError(f"source '{name}': too few training rows to cut {missing_names} from them: {len(train)}")
    order = np.random.default_rng(seed).permutation(len(train))
    parts = {}
    for position, split in enumerate(missing):
        parts[split] = train.take(np.sort(order[position * size : (position + 1) * size]).tolist())
    parts["train"] = train.take(np.sort(order[len(missing) * size :]).tolist())
    absent, each = " and no ".join(missing), "each" if len(missing) > 1 else "it"
    message = "source '%s' has no %s: %d of its %d training rows are cut off for %s, chosen by seed %d"
    _logger.info(message, name, absent, size, len(train), each, seed)
    return parts


def limited(rows: Rows, size: int | None) -> Rows:
    """Returns at most `size` rows: the first ones of a shuffle that is always the same, in their own order.

    They do not depend on the experiment's seed, so that experiments that differ in it have the same rows, unless the
    seed has cut other splits from them; and a larger size adds rows to those of a smaller one.
    """
    if size is None or size >= len(rows):
        return rows
    return rows.take(np.sort(np.random.default_rng(0).permutation(len(rows))[:size]).tolist())
