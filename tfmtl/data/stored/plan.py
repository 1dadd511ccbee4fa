"""Plans in files."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt, Strict

from tfmtl.core.cache import Facts, found_or_made
from tfmtl.core.descriptions import Described
from tfmtl.data.plan import Allocate, Plan, SlicePlan
from tfmtl.data.stored.arrays import mapped
from tfmtl.data.tables import Table

FORMAT_OF_PLANS = 2
"""The number of the layout of the files of a plan; another one is another entry."""


def stored_plan(entry: Path, tables: Sequence[Table], make_plan: Callable[[Allocate], Plan]) -> Plan:
    """Returns a plan whose rows are in the files of an entry, which are written if it is not there.

    Args:
        entry: the path of the entry, which is named by all that the plan depends on.
        tables: the tables whose rows it reads.
        make_plan: makes the plan, given a function that returns the arrays for its rows.
    """

    def make(folder: Path) -> Facts:
        def allocate(number: int, shape: Sequence[int]) -> np.ndarray:
            if 0 in shape:
                return np.zeros(shape, np.int32)
            return np.memmap(folder / f"{number}.rows", np.int32, "w+", shape=tuple(shape))

        plan = make_plan(allocate)
        for number, part in enumerate(plan.slices):
            if isinstance(part.rows, np.memmap):
                part.rows.flush()
            lengths = np.stack([part.length, *part.target_lengths.values()])
            lengths.astype(np.int32).tofile(folder / f"{number}.lengths")
        return {
            "shapes": [list(part.rows.shape) for part in plan.slices],
            "targets": [list(part.target_lengths) for part in plan.slices],
            "updates_per_epoch": plan.updates_per_epoch,
            "seed": plan.seed,
        }

    def read(facts: Facts) -> Plan:
        known = _PlanFacts.of(facts, str(entry))
        if len({updates for updates, _ in known.shapes}) != 1 or len(tables) != len(known.shapes):
            raise ValueError(f"it has slices of the shapes {known.shapes}")
        if known.shapes[0][0] % known.updates_per_epoch:
            raise ValueError(f"an epoch has {known.updates_per_epoch} of {known.shapes[0][0]} updates")
        slices = []
        for number, (shape, targets) in enumerate(zip(known.shapes, known.targets, strict=True)):
            lengths = np.array(mapped(entry / f"{number}.lengths", np.int32, [1 + len(targets), shape[0]]))
            rows = mapped(entry / f"{number}.rows", np.int32, shape)
            part = SlicePlan(rows, lengths[0], dict(zip(targets, lengths[1:], strict=True)))
            _check_rows(part, len(tables[number].tokens))
            slices.append(part)
        return Plan(tuple(slices), known.updates_per_epoch, known.seed)

    return found_or_made(entry, make, read)[0]


class _PlanFacts(Described):
    """The shape of the rows of each slice, the targets whose lengths are known, and what else `Plan` has."""

    shapes: list[Annotated[tuple[NonNegativeInt, NonNegativeInt], Strict(False)]] = Field(min_length=1)
    targets: list[list[str]]
    updates_per_epoch: PositiveInt
    seed: int


def _check_rows(part: SlicePlan, rows: int) -> None:
    """Checks that a slice of a plan reads no other rows than its table has."""
    for some in part.some_updates():
        found = part.rows[some]
        if found.size and not -1 <= found.min() <= found.max() < rows:
            raise ValueError(f"it reads a row that its table of {rows} rows does not have")
    if any(lengths.size and lengths.min() < 0 for lengths in (part.length, *part.target_lengths.values())):
        raise ValueError("it has a negative length")
