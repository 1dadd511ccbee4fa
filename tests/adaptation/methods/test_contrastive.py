import itertools

import numpy as np
import pytest

from tests.adaptation.conftest import places, write_rows
from tfmtl.adaptation.adapt_run import Adapter
from tfmtl.adaptation.methods.contrastive import balanced_batches, pair_loss
from tfmtl.api.predict import predict
from tfmtl.config.adaptation import parse_adaptation
from tfmtl.core.errors import ConfigurationError, DataError
from tfmtl.runs.loading import load_best_model
from tfmtl.runs.run_folder import RunFolder


@pytest.fixture(scope="module")
def adapter(trained):
    return Adapter(trained)


def test_the_loss_is_that_of_all_pairs():
    vectors = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = np.array([0, 1, 0, 2, 1])
    errors = {True: [], False: []}
    for first, second in itertools.combinations(range(5), 2):
        same = bool(labels[first] == labels[second])
        errors[same].append((vectors[first] @ vectors[second] - same) ** 2)
    expected = (np.mean(errors[True]) + np.mean(errors[False])) / 2
    np.testing.assert_allclose(pair_loss(vectors, labels.astype(np.int32)), expected, rtol=1e-5)


def test_without_two_labels_there_is_no_nan():
    assert float(pair_loss(np.eye(2, dtype=np.float32), np.array([1, 1], np.int32))) == 0.5


@pytest.mark.parametrize(("labels", "size"), [(3, 12), (10, 8)])
def test_a_batch_has_two_rows_or_more_of_its_labels_and_all_labels_have_their_turn(labels, size):
    targets = np.random.default_rng(0).permutation(np.repeat(np.arange(labels), 5))
    batches = list(balanced_batches(targets, size, 20, seed=0))
    assert len(batches) == 20
    for rows in batches:
        counts = np.bincount(targets[rows], minlength=labels)
        assert len(rows) <= size and counts[counts > 0].min() >= 2
        assert len({*rows}) == len(rows)
    assert {*targets[np.concatenate(batches[:5])]} == {*range(labels)}


def test_a_trunk_of_its_own_brings_texts_of_one_label_together_and_old_tasks_stay(adapter, trained, section, tmp_path):
    texts = [row["text"] for row in places(4, 9)]
    adaptation = parse_adaptation({**section, "adapt": {"method": "contrastive", "shots": 8, "learning_rate": 0.01}})
    adapted = adapter.adapt(adaptation, RunFolder(tmp_path / "run"))
    assert adapted.report["readings"] == 2
    found = predict(adapted.folder, texts)
    places_found = [answer.pop("place") for answer in found]
    assert found == predict(trained, texts)
    assert all(np.isfinite(answer["probabilities"]["inside"]) for answer in places_found)
    model = load_best_model(adapted.folder)
    sharing = model.network.layers.sharing
    (own,) = sharing.own_trunks
    moved = [np.abs(a - b).max() for a, b in zip(own.get_weights(), sharing.trunk.get_weights(), strict=True)]
    assert max(moved) > 1e-3
    assert own.trainable and all(variable.trainable for variable in own.trainable_variables)
    half = model.copy(dtype="bfloat16")
    assert half.network.layers.sharing.own_trunks[0].dtype_policy.name == "bfloat16"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"adapt": {"method": "contrastive", "shots": 1}},
            DataError,
            "'contrastive' needs two rows or more of each label",
        ),
        (
            {"tasks": {"place": {"kind": "classification", "text_pair": "label"}}, "adapt": {"method": "contrastive"}},
            ConfigurationError,
            "'contrastive' compares single texts, and 'place' reads pairs",
        ),
        (
            {
                "tasks": {"topic": {}},
                "adapt": {"method": "contrastive", "new_labels": {"topic": ["inside", "outside"]}},
            },
            ConfigurationError,
            "'contrastive' reads with a trunk of its own and cannot add labels",
        ),
    ],
)
def test_what_it_cannot_take_is_refused(adapter, section, tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        adapter.adapt(parse_adaptation({**section, **changes}), RunFolder(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_one_task_at_a_time(adapter, section, tmp_path):
    path = write_rows(tmp_path / "rows.jsonl", places(60, 1))
    section["sources"]["more"] = {"train": path}
    section["tasks"] = {name: {"kind": "classification", "source": name} for name in ("places", "more")}
    with pytest.raises(ConfigurationError, match="learns one task at a time; adapt the run again"):
        adapter.adapt(parse_adaptation({**section, "adapt": {"method": "contrastive"}}), RunFolder(tmp_path / "run"))
