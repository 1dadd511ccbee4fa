from tfmtl.config.experiment import parse
from tfmtl.config.variants import single_tasks, with_seeds

EXPERIMENT = parse(
    {
        "name": "news",
        "sources": {"a": {"format": "tsv", "train": "a.tsv"}, "b": {"format": "csv", "train": "b.csv"}},
        "tasks": {
            "topic": {"kind": "classification", "source": "a", "label_smoothing": 0.1},
            "title": {"kind": "summarization", "source": "a", "max_length": 9},
            "score": {"kind": "regression", "source": "b", "target": "score"},
        },
        "model": {"encoder": {"hidden": 64}},
        "balancing": {"method": "fixed", "weights": {"topic": 0.5}},
        "training": {"epochs": 3, "seed": 4},
    }
)


def test_each_task_is_learned_alone_by_the_same_network():
    alone = single_tasks(EXPERIMENT)
    assert [experiment.name for experiment in alone] == ["news-topic", "news-title", "news-score"]
    assert [list(experiment.tasks) for experiment in alone] == [["topic"], ["title"], ["score"]]
    assert [list(experiment.sources) for experiment in alone] == [["a"], ["a"], ["b"]]
    for experiment in alone:
        (name,) = experiment.tasks
        assert experiment.tasks[name] == EXPERIMENT.tasks[name]
        assert experiment.model == EXPERIMENT.model and experiment.training == EXPERIMENT.training
        assert not experiment.balancing.options.weights


def test_stages_that_do_not_train_the_task_are_left_out():
    values = EXPERIMENT.as_mapping()
    stages = [{"tasks": ["title"], "epochs": 5}, {"tasks": ["score"]}, {"learning_rate": 0.01}]
    staged = parse({**values, "training": {**values["training"], "stages": stages}})
    topic, title, score = (experiment.stages for experiment in single_tasks(staged))
    assert [(stage.tasks, stage.epochs, stage.learning_rate) for stage in topic] == [(["topic"], 3, 0.01)]
    assert [(stage.tasks, stage.epochs) for stage in title] == [(["title"], 5), (["title"], 3)]
    assert [(stage.tasks, stage.epochs) for stage in score] == [(["score"], 3), (["score"], 3)]


def test_seeds_change_the_seed_and_the_name_alone():
    seeded = with_seeds(EXPERIMENT, [0, 7])
    assert [(experiment.name, experiment.training.seed) for experiment in seeded] == [
        ("news-seed0", 0),
        ("news-seed7", 7),
    ]
    values = [{**experiment.as_mapping(), "name": "", "training": ""} for experiment in (EXPERIMENT, *seeded)]
    assert values[0] == values[1] == values[2]
