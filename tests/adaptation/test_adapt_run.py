import json
from collections import Counter

import numpy as np
import pytest
import yaml

from tests.adaptation.conftest import places, write_rows
from tests.fixtures import sentences
from tfmtl.adaptation.adapt_run import Adapter
from tfmtl.api.predict import predict
from tfmtl.config.adaptation import parse_adaptation
from tfmtl.core.errors import ConfigurationError, DataError, RunError
from tfmtl.runs.run_folder import RunFolder

TEXTS = [text for _, text in sentences(4, seed=7)]
PAIRS = [*zip(TEXTS, TEXTS[::-1], strict=True)]


@pytest.fixture(scope="module")
def adapter(trained):
    return Adapter(trained)


def adapt(adapter, folder, section, **changes):
    return adapter.adapt(parse_adaptation({**section, **changes}), RunFolder(folder))


@pytest.fixture(scope="module")
def before(trained):
    """The answers of the run to texts alone and to pairs, as JSON values."""
    return predict(trained, [*TEXTS, *PAIRS])


def test_old_tasks_answer_as_before_and_the_new_one_beside_them(adapter, before, section, tmp_path):
    adapted = adapt(adapter, tmp_path / "run", section, adapt={"shots": 4})
    asked = adapted.given.streams[0].splits["test"].take(np.arange(8))
    found = predict(adapted.folder, [*TEXTS, *PAIRS, *asked.text])
    places = [answer.pop("place")["probabilities"] for answer in found]
    assert found[: len(before)] == before
    assert all({*probabilities} == {"inside", "outside"} for probabilities in places)
    assert adapted.report["readings"] == 1
    # What the table quotes is what the saved run answers.
    saved = [probabilities["inside"] for probabilities in places[len(before) :]]
    np.testing.assert_allclose(adapted.answers["place"]["probabilities"][:8, 0], saved, atol=1e-5)


def test_rows_are_drawn_by_the_seed_alone(adapter, section):
    def drawn(seed, shots=3, method="probe"):
        adaptation = parse_adaptation({**section, "adapt": {"method": method, "shots": shots, "seed": seed}})
        rows = adapter.prepare(adaptation).rows["place"]
        return [*rows.text], rows.targets["place"]

    texts, targets = drawn(0)
    assert Counter(targets.tolist()) == {0: 3, 1: 3}
    assert texts == drawn(0, method="auto")[0]
    assert texts != drawn(1)[0]
    assert {*texts} < {*drawn(0, shots=5)[0]}


def test_without_shots_all_rows_are_used(adapter, section):
    rows = adapter.prepare(parse_adaptation(section)).rows["place"]
    assert len(rows) == len(places(60, 1))


def test_the_same_again_is_left_as_it_is_and_something_else_refused(adapter, section, tmp_path):
    first = adapt(adapter, tmp_path / "run", section)
    before = first.folder.best_model.stat().st_mtime_ns
    again = adapt(adapter, tmp_path / "run", section)
    assert first.folder.best_model.stat().st_mtime_ns == before
    np.testing.assert_allclose(
        again.answers["place"]["probabilities"], first.answers["place"]["probabilities"], atol=1e-5
    )
    with pytest.raises(RunError, match="this run belongs to another configuration"):
        adapt(adapter, tmp_path / "run", section, adapt={"shots": 2})


def extension(section, tmp_path, rows, labels=("birds",), **adapt):
    path = write_rows(tmp_path / "birds.jsonl", rows)
    tasks = {"topic": {"source": "birds"}}
    adaptation = {
        "sources": {"birds": {"train": path}},
        "tasks": tasks,
        "adapt": {"new_labels": {"topic": labels}, **adapt},
    }
    return {**section, **adaptation}


BIRDS = [
    {"text": f"the bird {verb} high above the {place}", "label": "birds"}
    for verb in ("flies", "sings")
    for place in "abcd"
]


def test_a_new_label_takes_its_share_and_old_labels_keep_their_ratios(adapter, before, section, tmp_path):
    adapted = adapt(adapter, tmp_path / "run", extension(section, tmp_path, BIRDS, shots=4))
    # The rows with old labels are those of the run.
    assert adapted.report["tasks"]["topic"]["rows"] == 12
    *found, bird = predict(adapted.folder, [*TEXTS, "the bird flies high above the river"])
    assert bird["topic"]["label"] == "birds"
    for old, new in zip(before, found, strict=False):
        b, a = old["topic"]["probabilities"], new["topic"]["probabilities"]
        assert [*a] == ["cats", "dogs", "birds"]
        assert a["cats"] * b["dogs"] == pytest.approx(a["dogs"] * b["cats"], rel=1e-3)
        assert {**new, "topic": old["topic"]} == old


@pytest.mark.parametrize(
    ("rows", "adapt_section", "message"),
    [
        (places(60, 1), {"shots": 1000}, "task 'place': 1000 shots are asked for, but label 'inside' has only"),
        (places(60, 1)[:1], {}, "a classification needs two labels or more"),
    ],
)
def test_too_few_rows_are_refused_and_nothing_is_written(adapter, section, tmp_path, rows, adapt_section, message):
    section["sources"]["places"]["train"] = write_rows(tmp_path / "bad.jsonl", rows)
    with pytest.raises(DataError, match=message):
        adapt(adapter, tmp_path / "run", section, adapt=adapt_section)
    assert not (tmp_path / "run").exists()


def test_every_label_needs_a_row(adapter, section, tmp_path):
    section["tasks"]["place"]["labels"] = ["inside", "outside", "nowhere"]
    with pytest.raises(DataError, match=r"^task 'place': label 'nowhere' has no row to learn from; add some, or"):
        adapt(adapter, tmp_path / "run", section)
    section["sources"]["places"]["train"] = write_rows(tmp_path / "two.jsonl", places(60, 1)[:2])
    with pytest.raises(DataError, match=r"^task 'place': 2 rows for 3 labels; every label needs one or more$"):
        adapt(adapter, tmp_path / "run", section)
    with pytest.raises(DataError, match=r"^task 'topic': label 'fish' has no row to learn from"):
        adapt(adapter, tmp_path / "run", extension(section, tmp_path, BIRDS, labels=("birds", "fish")))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("task", "adapt_section", "message"),
    [
        (
            {"kind": "regression", "target": "stars"},
            {"method": "probe"},
            r"adapt\.method: 'probe' learns one label a text",
        ),
        ({"kind": "summarization", "summary": "text"}, {"method": "head"}, r"adapt\.method: 'head' cannot learn task"),
        ({"kind": "classification", "instruction": "Where?"}, {}, r"tasks\.place\.instruction: 'auto' reads the text"),
        ({"kind": "classification"}, {"label_texts": {"insid": "in a house"}}, r"adapt\.label_texts: unknown label"),
        (
            {"kind": "classification"},
            {"method": "head", "like": "topics"},
            r"adapt\.like: the run has no task 'topics'",
        ),
        ({"kind": "classification"}, {"method": "head", "like": "topic"}, r"adapt\.like: 'place' cannot begin with"),
    ],
)
def test_what_a_method_cannot_take_is_refused(adapter, section, tmp_path, task, adapt_section, message):
    rows = [{**row, "stars": 1.0} for row in places(60, 1)]
    section["sources"]["places"] = {"train": write_rows(tmp_path / "rows.jsonl", rows)}
    section["tasks"]["place"] = {"source": "places", **task}
    with pytest.raises(ConfigurationError, match=message):
        adapt(adapter, tmp_path / "run", section, adapt=adapt_section)
    assert not (tmp_path / "run").exists()


def test_the_folder_holds_what_every_command_needs(adapter, trained, section, tmp_path):
    adapted = adapt(adapter, tmp_path / "run", section, adapt={"shots": 2, "seed": 5})
    folder = adapted.folder
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "adaptation.json",
        "checkpoints",
        "config.yaml",
        "rows.json",
        "tokenizer",
    ]
    report = json.loads((folder.path / "adaptation.json").read_text(encoding="utf-8"))
    assert report["run"] == str(trained.path)
    assert report["tasks"]["place"]["rows"] == 4
    configuration = yaml.safe_load(folder.config.read_text(encoding="utf-8"))
    assert configuration["sources"]["places"]["shots"] == {"rows": 2, "seed": 5}
    assert configuration["tasks"]["place"]["labels"] == ["inside", "outside"]
