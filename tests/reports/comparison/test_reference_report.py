import pytest

from tfmtl.reports.comparison.reference import Reference
from tfmtl.reports.comparison.reference_report import reference_section
from tfmtl.reports.comparison.systems import systems_of


def scores(value):
    return {"accuracy": value, "f1_macro": value / 2, "matthews": value / 4}


@pytest.fixture
def systems(compared):
    return systems_of([compared("both", {"topic": 0.9, "stars": 0.5}), compared("alone", {"topic": 0.6}, hidden=32)])


def test_each_kind_has_its_baselines(systems):
    baselines = {"majority": {"topic": scores(0.6)}, "mean": {"stars": {"pearson": 0.0, "spearman": 0.0}}}
    lines = reference_section(Reference(baselines, {"topic": 0, "stars": 0}, {}), systems)
    assert "| task | metric | majority |" in lines and "| topic | f1_macro | 0.3000 |" in lines
    assert "| task | metric | mean |" in lines and "| stars | pearson | 0.0000 |" in lines
    assert not any("seen in training" in line for line in lines)


def test_rows_that_have_been_seen_are_told_and_left_out(systems):
    baselines = {"majority": {"topic": scores(0.6)}}
    unseen = {"both": {"topic": 0.7, "stars": 0.1}, "alone": {"topic": 0.4}, "majority": {"topic": 0.5}}
    lines = reference_section(Reference(baselines, {"topic": 7, "stars": 0}, unseen), systems)
    assert "Rows whose text is also in the training or validation split: topic 7." in lines
    both, alone = systems
    mean = (both.score("topic", "accuracy") + both.score("stars", "spearman")) / 2
    assert f"| both | 2 | {mean:.4f} | 0.4000 |" in lines
    assert f"| alone | 1 | {alone.score('topic', 'accuracy'):.4f} | 0.4000 |" in lines
    assert "| majority | 1 | 0.6000 | 0.5000 |" in lines


def test_without_a_row_that_is_left_there_is_a_sentence_and_no_table(systems):
    lines = reference_section(Reference({}, {"topic": 7, "stars": 60}, {"both": {}, "alone": {}}), systems)
    told = "Rows whose text is also in the training or validation split: topic 7, stars 60."
    assert lines[-2:] == [f"{told} No task has a row left without them.", ""]


def test_a_task_all_of_whose_rows_have_been_seen_is_no_reason_to_leave_a_system_out(systems):
    unseen = {"both": {"topic": 0.7}, "alone": {"topic": 0.4}}
    lines = reference_section(Reference({}, {"topic": 7, "stars": 60}, unseen), systems)
    assert f"| both | 1 | {systems[0].score('topic', 'accuracy'):.4f} | 0.7000 |" in lines
