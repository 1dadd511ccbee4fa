import pytest

from tfmtl.reports.comparison.systems import counterpart, systems_of


def test_seeds_are_one_system_and_single_tasks_another(compared):
    both = [compared(f"both-seed{seed}", {"topic": 0.9, "stars": 0.8}, seed=seed) for seed in (0, 1)]
    alone = [compared(f"both-{task}", {task: 0.7}) for task in ("topic", "stars")]
    multi, single = systems_of([*both, *alone])
    assert [len(runs) for runs in multi.runs.values()] == [2, 2] and not multi.is_single_task
    assert single.is_single_task and list(single.runs) == ["topic", "stars"]
    assert single.name == "both, single tasks"
    assert counterpart(multi, [multi, single]) is single and counterpart(single, [multi, single]) is None
    scores = [run.metrics["topic"]["accuracy"] for run in both]
    assert multi.scores("topic", "accuracy") == scores
    assert multi.score("topic", "accuracy") == pytest.approx(sum(scores) / 2)


def test_a_seed_twice_is_of_two_systems(compared):
    runs = [compared("a", {"topic": 0.9}), compared("a", {"topic": 0.8}), compared("a-seed1", {"topic": 0.7}, seed=1)]
    first, second = systems_of(runs)
    assert first.runs["topic"] == [runs[0], runs[2]] and second.runs["topic"] == [runs[1]]


def test_how_often_something_is_written_makes_no_other_system(compared):
    runs = [
        compared(f"a-seed{seed}", {"topic": 0.9}, training={"seed": seed, "log_every": 7 + seed, "checkpoint_every": 9})
        for seed in (0, 1)
    ]
    assert [len(system.runs["topic"]) for system in systems_of(runs)] == [2]


def test_single_tasks_of_stages_are_one_system(compared):
    def staged(name, qualities, *stages):
        stages = [{"tasks": list(tasks), "epochs": epochs} for tasks, epochs in stages]
        return compared(name, qualities, training={"stages": stages})

    alone = [
        staged("both-topic", {"topic": 0.7}, (["topic"], 5), (["topic"], 2)),
        staged("both-stars", {"stars": 0.7}, (["stars"], 2)),
    ]
    (single,) = systems_of(alone)
    assert list(single.runs) == ["topic", "stars"] and single.name == "both, single tasks"
    others = systems_of([*alone, staged("other", {"stars": 0.7}, (["stars"], 3))])
    assert [list(system.runs) for system in others] == [["topic", "stars"], ["stars"]]


def test_another_network_is_another_system_and_no_counterpart(compared):
    multi, wide, single = systems_of(
        [
            compared("both", {"topic": 0.9, "stars": 0.8}),
            compared("wide", {"topic": 0.9, "stars": 0.8}, hidden=128),
            compared("both-topic", {"topic": 0.7}),
        ]
    )
    assert counterpart(multi, [multi, wide, single]) is single
    assert counterpart(wide, [multi, wide, single]) is None


def test_runs_of_other_tasks_are_no_counterpart(compared):
    multi, single = systems_of([compared("both", {"topic": 0.9, "stars": 0.8}), compared("title", {"title": 0.7})])
    assert counterpart(multi, [multi, single]) is None
