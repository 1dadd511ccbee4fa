"""Digests of rows, by which they are recognised."""

import hashlib
from typing import Any

import numpy as np

from tfmtl.data.streams import Examples

_AT_ONCE = 1 << 20


def digests(rows: Examples) -> dict[str, Any]:
    """Returns the number of rows, the digest of their texts, and those of the targets of each task."""
    if rows.digests is not None:
        return rows.digests
    return {
        "rows": len(rows),
        "text": _digest(rows.text, *([] if rows.text_pair is None else [rows.text_pair])),
        "targets": {task: _digest(values) for task, values in rows.targets.items()},
    }


def _digest(*columns: np.ndarray) -> str:
    digest = hashlib.sha256()
    for column in columns:
        if column.dtype != object:
            for start in range(0, len(column), _AT_ONCE):
                digest.update(np.ascontiguousarray(column[start : start + _AT_ONCE]).tobytes())
            continue
        for value in column:
            # In quotation marks, so that no two columns of different values give the same bytes.
            digest.update(repr(value).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]
