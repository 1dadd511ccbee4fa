from tests.kinds.made_up import objects
from tests.kinds.tagging.made_up import ANSWER, TARGETS, TASK, TEXTS
from tfmtl.kinds.tagging.report import section
from tfmtl.reports.task_result import TaskResult


def test_each_label_has_its_scores_and_wrong_rows_come_first():
    found = section(TaskResult(TASK, objects(TEXTS), TARGETS, ANSWER, {}))
    # Of two true cities one is found; another one is found that is none.
    assert "| city | 2 | 2 | 0.500 | 0.500 | 0.500 |" in found
    assert "| to Rome | city: Rome | city: to |" in found
    assert not any(line.startswith("| from") for line in found)


def test_right_spans_are_said_to_be():
    right = {"tags": ANSWER["tags"][:1]}
    assert section(TaskResult(TASK, objects(TEXTS[:1]), TARGETS[:1], right, {}))[-1] == "Every span is right."
