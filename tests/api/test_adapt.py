import json
import statistics

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

import tfmtl
from tests.adaptation.conftest import config as config
from tests.adaptation.conftest import section as section
from tfmtl.api.export import export
from tfmtl.cli import main
from tfmtl.core.errors import ConfigurationError, UserError


@pytest.fixture
def drawn(run, section, tmp_path):
    """The same new task from two draws of rows."""
    return tfmtl.adapt(
        run, {**section, "adapt": {"method": "prototypes"}}, shots=3, seeds=[0, 1], to=tmp_path / "drawn"
    )


def test_each_draw_is_a_run_and_the_scores_have_their_mean_and_spread(drawn, section, tmp_path):
    assert [folder.path for folder in drawn.runs] == [tmp_path / "drawn" / f"seed{seed}" for seed in (0, 1)]
    found = json.loads((tmp_path / "drawn" / "adaptation_scores.json").read_text(encoding="utf-8"))
    assert found == drawn.scores
    assert (found["method"], found["shots"], found["seeds"]) == ("prototypes", 3, [0, 1])
    scores = found["tasks"]["place"]["prototypes"]["accuracy"]
    assert scores["mean"] == pytest.approx(statistics.mean(scores["scores"]))
    assert scores["spread"] == pytest.approx(statistics.stdev(scores["scores"]))
    page = (tmp_path / "drawn" / "adaptation_scores.md").read_text(encoding="utf-8")
    assert f"| prototypes | {scores['mean']:.4f} ± {scores['spread']:.4f} |" in page
    (path,) = (tfmtl.load_experiment(folder.config).sources["places"] for folder in drawn.runs[:1])
    assert (path.options.shots.rows, path.options.shots.seed) == (3, 0)


def test_linear_models_of_words_learn_from_the_same_rows(drawn, section):
    with open(section["sources"]["places"]["test"], encoding="utf-8") as lines:
        test = [json.loads(line) for line in lines]
    experiment = tfmtl.load_experiment(drawn.runs[1].config)
    from tfmtl.data.streams import load_streams

    part = experiment.model_copy(update={"tasks": {"place": experiment.tasks["place"]}})
    ((stream,), _) = load_streams(part, ("train",))
    rows = stream.splits["train"]
    assert len(rows) == 6
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    machine = LinearSVC(random_state=0).fit(vectorizer.fit_transform(rows.text), rows.targets["place"])
    labels = [experiment.tasks["place"].labels.index(row["label"]) for row in test]
    expected = np.mean(machine.predict(vectorizer.transform([row["text"] for row in test])) == labels)
    assert drawn.scores["tasks"]["place"]["linear_svm"]["accuracy"]["scores"][1] == pytest.approx(expected)


def test_an_adapted_run_is_evaluated_exported_and_not_trained(drawn, run, section, tmp_path):
    folder = drawn.runs[0]
    evaluation = tfmtl.evaluate(folder, output=tmp_path / "evaluation.json")["tasks"]
    assert {*evaluation} == {"topic", "title", "same", "stars", "place"}
    expected = drawn.scores["tasks"]["place"]["prototypes"]["accuracy"]["scores"][0]
    assert evaluation["place"]["accuracy"] == pytest.approx(expected)
    assert evaluation["topic"] == tfmtl.evaluate(run, output=tmp_path / "before.json")["tasks"]["topic"]
    version = export(folder, tmp_path / "export", encoder_only=True)
    text = ["the cat sleeps in the garden."]
    ours, exported = (tfmtl.load(model).predict(text)[0]["place"] for model in (folder, version))
    assert ours["label"] == exported["label"]
    assert ours["probabilities"] == pytest.approx(exported["probabilities"], abs=1e-5)
    with pytest.raises(ConfigurationError, match=r"^adapted: 'tfmtl adapt' has made this run, which is not trained"):
        tfmtl.train(str(folder.config), folder.path)


def test_the_command_writes_the_table_and_names_the_run(run, config, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main(["adapt", str(run.path), str(config), "--shots", "2", "--set", "adapt.method=prototypes"])
    out = capsys.readouterr().out
    assert not exit_.value.code
    assert "# New tasks from 2 rows of each label, drawn by seed 0" in out
    assert "| linear\\_svm |" in out or "| linear_svm |" in out
    assert out.rstrip().endswith("adapted: runs/places")
    assert (tmp_path / "runs" / "places" / "checkpoints" / "best.keras").is_file()


def test_no_seed_is_no_draw(run, section):
    with pytest.raises(UserError, match="adapt: name at least one seed"):
        tfmtl.adapt(run, section, seeds=[])
