"""Plans in files."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tfmtl.core.cache import Facts, found_or_made
from tfmtl.data.plan import Allocate, Plan, SlicePlan
from tfmtl.data.stored.arrays import mapped


def stored_plan(entry: Path, make_plan: Callable[[Allocate], Plan]) -> Plan:
    """Returns a plan whose rows are in the files of an entry, which are written if it is not there.

    Args:
        entry: the path of the entry, which is named by all that the plan depends on.
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
            lengths = {"length": part.length.tolist(), "targets": _as_lists(part.target_lengths)}
            (folder / f"{number}.lengths.json").write_text(json.dumps(lengths), encoding="utf-8")
        shapes = [list(part.rows.shape) for part in plan.slices]
        return {"shapes": shapes, "updates_per_epoch": plan.updates_per_epoch, "seed": plan.seed}

    facts, _ = found_or_made(entry, make)
    slices = []
    for number, shape in enumerate(facts["shapes"]):
        lengths = json.loads((entry / f"{number}.lengths.json").read_text(encoding="utf-8"))
        targets = {task: np.array(of_task, np.int32) for task, of_task in lengths["targets"].items()}
        rows = mapped(entry / f"{number}.rows", np.int32, shape)
        slices.append(SlicePlan(rows, np.array(lengths["length"], np.int32), targets))
    return Plan(tuple(slices), facts["updates_per_epoch"], facts["seed"])


def _as_lists(arrays: dict[str, np.ndarray]) -> dict[str, list[int]]:
    return {task: values.tolist() for task, values in arrays.items()}
