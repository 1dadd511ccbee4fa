import dataclasses
import os

import numpy as np
import pytest

from tests.reports.comparison.conftest import TASKS, TEXTS
from tfmtl.core.errors import RunError
from tfmtl.reports.answers import Answers
from tfmtl.reports.comparison.compared_run import check_comparable, check_same_data, is_evaluated, timed_texts
from tfmtl.runs.run_folder import RunFolder


def test_runs_on_the_same_rows_can_be_compared(compared):
    check_comparable([compared("a", {"topic": 0.9, "stars": 0.5}), compared("b", {"topic": 0.8})])


def test_other_rows_are_told(compared):
    runs = [compared("a", {"topic": 0.9}), compared("b", {"topic": 0.8}, texts=[*TEXTS[1:], TEXTS[0]])]
    with pytest.raises(RunError, match="runs/b: task 'topic' was evaluated on other rows than in runs/a"):
        check_comparable(runs)


def test_other_targets_are_told(compared):
    first, second = compared("a", {"topic": 0.9}), compared("b", {"topic": 0.9})
    answers = second.answers["topic"]
    changed = {"topic": dataclasses.replace(answers, targets=1 - np.asarray(answers.targets))}
    with pytest.raises(RunError, match="was evaluated on other rows"):
        check_comparable([first, dataclasses.replace(second, answers=changed)])


def test_another_source_is_told(compared):
    other = compared("b", {"topic": 0.8}, sources={"s": {"format": "tsv", "train": "other.tsv"}})
    with pytest.raises(RunError, match="runs/b: task 'topic' reads another source than in runs/a"):
        check_comparable([compared("a", {"topic": 0.9}), other])


def test_another_source_is_told_before_anything_is_trained(compared):
    other = compared("b", {"topic": 0.8}, sources={"s": {"format": "tsv", "train": "other.tsv"}}).experiment
    with pytest.raises(RunError, match="runs/b: task 'topic' reads another source than in runs/a"):
        check_same_data({"runs/a": compared("a", {"topic": 0.9}).experiment, "runs/b": other})


def test_labels_that_only_a_run_knows_are_no_difference(compared):
    task = {"kind": "classification", "source": "s"}
    unknown = compared("b", {"topic": 0.8}, tasks={"topic": task}).experiment
    check_same_data({"runs/a": compared("a", {"topic": 0.9}).experiment, "b.yaml": unknown})


def test_other_labels_are_told(compared):
    other = compared("b", {"topic": 0.8}, tasks={"topic": {**TASKS["topic"], "labels": ["y", "x"]}})
    with pytest.raises(RunError, match="has other labels than in runs/a"):
        check_comparable([compared("a", {"topic": 0.9}), other])


@pytest.mark.parametrize("other", [{"metrics": ["f1"]}, {"primary": "matthews"}])
def test_other_metrics_are_told(compared, other):
    other = compared("b", {"topic": 0.8}, tasks={"topic": {**TASKS["topic"], **other}})
    with pytest.raises(RunError, match="'topic' has other metrics, or another primary one, than in runs/a"):
        check_comparable([compared("a", {"topic": 0.9}), other])


def test_nothing_in_common_is_told(compared):
    with pytest.raises(RunError, match=r"no task is in two of the runs.*topic, stars"):
        check_comparable([compared("a", {"topic": 0.9}), compared("b", {"stars": 0.9})])


@pytest.mark.parametrize("seconds", [-5, 5])
@pytest.mark.parametrize("changed", ["best_model", "config"])
def test_an_evaluation_before_a_better_model_or_a_new_option_is_none(tmp_path, changed, seconds):
    run = RunFolder(tmp_path)
    run.checkpoints.mkdir()
    for path in (run.best_model, run.config, run.evaluation("test"), run.answers("test")):
        path.touch()
    written = run.evaluation("test").stat().st_mtime
    for path in (run.best_model, run.config):
        os.utime(path, (written - 10, written - 10))
    os.utime(getattr(run, changed), (written + seconds, written + seconds))
    assert is_evaluated(run, "test") == (seconds < 0)


def test_texts_of_each_task_are_timed_in_turn_and_each_once():
    def asked(*texts):
        return Answers(list(texts), np.zeros(len(texts)), np.zeros(len(texts)))

    long, short = [f"long {row}" for row in range(40)], ["short 0", "long 0", "short 2"]
    texts = timed_texts([{"a": asked(*long), "b": asked(*short)}, {"a": asked(*long), "c": asked("other")}])
    assert texts[:6] == ["long 0", "short 0", "other", "long 1", "long 2", "short 2"]
    assert len(texts) == len(set(texts)) == 33
