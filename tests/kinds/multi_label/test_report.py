import numpy as np
import pytest

from tests.kinds.multi_label.made_up import ANSWER, TARGETS, TASK
from tfmtl.kinds.multi_label.options import MultiLabel
from tfmtl.kinds.multi_label.report import section
from tfmtl.reports.task_result import TaskResult

TEXTS = ["where is my parcel", "thanks"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    (folder / "plots").mkdir()
    return folder


def lines(task, targets, selected, folder):
    answer = {"probabilities": selected.astype(np.float32), "selected": selected}
    return section(task, TaskResult(task, np.array(TEXTS), targets, answer, {}), folder)


def cells(lines: list[str], first: str) -> list[str]:
    (row,) = [line for line in lines if line.split("|")[1:2] and line.split("|")[1].strip() == first]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_each_label_has_its_scores_and_wrong_rows_come_first(folder):
    found = lines(TASK, TARGETS, ANSWER["selected"], folder)
    # `urgent` is selected twice and true once: precision 1/2, recall 1, F1 2/3.
    assert cells(found, "urgent") == ["urgent", "1", "2", "0.500", "1.000", "0.667"]
    assert cells(found, "refund") == ["refund", "0", "0", "0.000", "0.000", "0.000"]
    # Of six statements with a probability of 0 or 1, one is wrong.
    assert any(f"of equal width: {1 / 6:.4f} probabilities." in line for line in found)
    assert (folder / "plots" / "tags_reliability.png").is_file()
    assert cells(found, "thanks") == ["thanks", "none", "urgent"]


@pytest.mark.parametrize("targets", [[[1], [0]], [[0], [0]]])
def test_one_label_is_enough(targets, folder):
    task = MultiLabel(name="tags", source="tickets", label_set=("urgent",))
    found = lines(task, np.array(targets, np.int32), np.array([[True], [False]]), folder)
    correct = f"{targets[0][0]:.3f}"
    assert cells(found, "urgent") == ["urgent", str(targets[0][0]), "1", correct, correct, correct]
