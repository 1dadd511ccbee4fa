from pathlib import Path

import numpy as np
import pytest

from tests.kinds.multi_label.made_up import ANSWER, TARGETS, TASK
from tfmtl.kinds.multi_label.options import MultiLabel
from tfmtl.kinds.multi_label.report import section
from tfmtl.reports.task_result import TaskResult

TEXTS = ["where is my parcel", "thanks"]


def lines(task, targets, selected):
    answer = {"probabilities": selected.astype(np.float32), "selected": selected}
    return section(task, TaskResult(task, np.array(TEXTS), targets, answer, {}), Path("unused"))


def cells(lines: list[str], first: str) -> list[str]:
    (row,) = [line for line in lines if line.split("|")[1:2] and line.split("|")[1].strip() == first]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_each_label_has_its_scores_and_wrong_rows_come_first():
    found = lines(TASK, TARGETS, ANSWER["selected"])
    # `urgent` is selected twice and true once: precision 1/2, recall 1, F1 2/3.
    assert cells(found, "urgent") == ["urgent", "1", "2", "0.500", "1.000", "0.667"]
    assert cells(found, "refund") == ["refund", "0", "0", "0.000", "0.000", "0.000"]
    assert cells(found, "thanks") == ["thanks", "none", "urgent"]


@pytest.mark.parametrize("targets", [[[1], [0]], [[0], [0]]])
def test_one_label_is_enough(targets):
    task = MultiLabel(name="tags", source="tickets", label_set=("urgent",))
    found = lines(task, np.array(targets, np.int32), np.array([[True], [False]]))
    correct = f"{targets[0][0]:.3f}"
    assert cells(found, "urgent") == ["urgent", str(targets[0][0]), "1", correct, correct, correct]
