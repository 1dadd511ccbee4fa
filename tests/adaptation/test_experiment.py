import pytest

from tfmtl.adaptation.experiment import adapted_experiment
from tfmtl.config.adaptation import parse_adaptation
from tfmtl.config.experiment import parse
from tfmtl.core.errors import ConfigurationError

RUN = "runs/tiny"


@pytest.fixture(scope="module")
def base(experiment, data):
    """The experiment of a run, with its label sets."""
    return experiment.model_copy(update={"tasks": data.tasks})


def adapted(base, section, **changes):
    return adapted_experiment(base, RUN, parse_adaptation({**section, **changes}))


def test_the_run_has_old_and_new_tasks_and_says_what_was_added(base, section):
    found = adapted(base, section, adapt={"method": "probe", "shots": 4, "seed": 3})
    assert [*found.tasks] == [*base.tasks, "place"]
    assert [*found.sources] == [*base.sources, "places"]
    (record,) = found.adapted
    assert (record.run, record.tasks, record.adapt.name) == (RUN, ["place"], "probe")
    shots = found.sources["places"].options.shots
    assert (shots.rows, shots.seed) == (4, 3)
    assert found.tasks["place"].source == "places"
    assert parse(found.as_mapping()) == found


def test_few_rows_are_not_cut_for_splits_that_there_are_not(base, section):
    assert adapted(base, section).sources["places"].options.cut is False
    section["sources"]["places"]["cut"] = True
    assert adapted(base, section).sources["places"].options.cut is True


def test_an_adapted_run_can_be_adapted_again(base, section):
    once = adapted(base, section)
    again = {
        **section,
        "sources": {"more": section["sources"]["places"]},
        "tasks": {"mood": {"kind": "classification"}},
    }
    twice = adapted(once, again)
    assert [record.tasks for record in twice.adapted] == [["place"], ["mood"]]


def test_new_labels_come_behind_the_old_ones(base, section):
    found = adapted(base, section, tasks={"topic": {}}, adapt={"new_labels": {"topic": ["birds", "fish"]}})
    assert found.tasks["topic"].labels == (*base.tasks["topic"].labels, "birds", "fish")
    assert found.tasks["topic"].source == "places"
    assert found.tasks["topic"].text == base.tasks["topic"].text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": {"topic": {"kind": "classification"}}}, r"tasks\.topic: the run has a task of this name; choose"),
        (
            {"tasks": {"topic": {}}, "adapt": {"new_labels": {"topic": ["birds", "cats"]}}},
            r"tasks\.topic: the task has the label 'cats' already",
        ),
        (
            {"tasks": {"topic": {}}, "adapt": {"new_labels": {"topic": ["birds", "birds"]}}},
            r"tasks\.topic: the task has the label 'birds' already",
        ),
        ({"tasks": {"topic": {}}, "adapt": {"new_labels": {"topic": []}}}, r"adapt\.new_labels\.topic: name at least"),
        ({"adapt": {"new_labels": {"topic": ["birds"]}}}, r"adapt\.new_labels\.topic: add the task 'topic'"),
        (
            {"adapt": {"new_labels": {"place": ["birds"]}}},
            r"adapt\.new_labels\.place: the run has no such task; known: same, stars, title, topic",
        ),
        (
            {"tasks": {"stars": {}}, "adapt": {"new_labels": {"stars": ["6"]}}},
            r"tasks\.stars: tasks of kind 'regression' cannot be given new labels",
        ),
        (
            {"tasks": {"topic": {"labels": ["a", "b"]}}, "adapt": {"new_labels": {"topic": ["birds"]}}},
            r"tasks\.topic\.labels: this is that of the run's task; leave it out",
        ),
        ({"tasks": {"place": {"kind": "classification", "source": "tickets"}}}, "unknown source 'tickets'"),
        ({"model": {}}, r"^model: an adaptation takes this section from the run; leave it out$"),
        ({"adapt": {"method": "prob"}}, r"^adapt\.method: unknown adaptation method 'prob'; did you mean 'probe'\?"),
        ({"adapt": {"shot": 3}}, r"^adapt: unknown key 'shot'; did you mean 'shots'\?"),
        ({"adapt": {"shots": 0}}, r"^adapt\.shots: "),
        ({"tasks": {}}, r"^tasks: "),
    ],
)
def test_what_cannot_be_learned_is_refused(base, section, changes, message):
    with pytest.raises(ConfigurationError, match=message):
        adapted(base, section, **changes)


def test_a_source_of_the_run_keeps_its_name(base, section):
    sources = {"tickets": section["sources"]["places"]}
    tasks = {"place": {"kind": "classification"}}
    with pytest.raises(ConfigurationError, match=r"^sources\.tickets: the run has a source of this name; choose"):
        adapted(base, section, sources=sources, tasks=tasks)
