from tfmtl.reports.comparison.budgets import unequal_budgets
from tfmtl.reports.comparison.systems import systems_of


def budgets(*runs):
    return unequal_budgets(systems_of(runs))


def test_systems_of_the_same_tasks_are_compared_by_all_that_they_read(compared):
    first = compared("a", {"topic": 0.9})
    batch = first.experiment.training.batch_size
    assert budgets(first, compared("b", {"topic": 0.8}, hidden=32, updates=150)) == [
        f"The budgets differ; rows read in training: a {100 * batch}, b {150 * batch}."
    ]
    assert budgets(first, compared("b", {"topic": 0.8}, hidden=32, updates=105)) == []


def test_each_stage_counts(compared):
    first = compared("a", {"topic": 0.9})
    batch = first.experiment.training.batch_size
    staged = compared("b", {"topic": 0.8}, updates=300, training={"stages": [{"epochs": 3}, {}]})
    assert budgets(first, staged) == [f"The budgets differ; rows read in training: a {100 * batch}, b {300 * batch}."]


def test_single_tasks_count_together(compared):
    together = compared("a", {"topic": 0.9, "stars": 0.5})
    batch = together.experiment.training.batch_size
    alone = [compared("a-topic", {"topic": 0.9}), compared("a-stars", {"stars": 0.5})]
    assert budgets(together, *alone) == [
        f"The budgets differ; rows read in training: a {100 * batch}, a, single tasks {200 * batch}."
    ]
    alone = [compared("a-topic", {"topic": 0.9}, updates=50), compared("a-stars", {"stars": 0.5}, updates=50)]
    assert budgets(together, *alone) == []


def test_seeds_do_not_count_together(compared):
    seeds = [compared(f"a-seed{seed}", {"topic": 0.9}, seed=seed) for seed in (0, 1)]
    assert budgets(*seeds, compared("b", {"topic": 0.8}, hidden=32)) == []


def test_runs_of_other_tasks_are_compared_by_the_common_ones(compared):
    first, other = compared("a", {"topic": 0.9, "stars": 0.5}), compared("b", {"topic": 0.8}, updates=150)
    batch = first.experiment.training.batch_size
    assert budgets(first, other) == [
        f"The budgets of 'topic' differ; rows read in training: runs/a {100 * batch}, runs/b {150 * batch}."
    ]
    staged = {"training": {"stages": [{"epochs": 3}, {}]}}
    assert budgets(first, compared("b", {"topic": 0.8}, updates=300, **staged)) == []
