import numpy as np
import pytest
import tensorflow as tf

from tests.adaptation.conftest import places, write_rows
from tfmtl.adaptation.adapt_run import Adapter
from tfmtl.adaptation.method import Start
from tfmtl.adaptation.methods.head import Head, HeadOptions
from tfmtl.config.adaptation import parse_adaptation


@pytest.fixture(scope="module")
def adapter(trained):
    return Adapter(trained)


def learned(adapter, section, **options):
    adaptation = parse_adaptation({**section, "adapt": {"method": "head", **options}})
    given = adapter.prepare(adaptation)
    start = Start(adapter.reader, given.experiment, adapter.features)
    method = Head(adaptation.options)
    for task in given.tasks.values():
        method.check(task, start)
    return method.learn(start, given.tasks, given.rows), given


def said(model, adapter, name, text):
    tokens = tf.function(adapter.reader.pack)(tf.constant(text))
    return np.asarray(model.network.head_outputs([name], model.network.encode(tokens))[name])


def test_it_learns_from_the_rows_and_changes_nothing_else(adapter, section):
    result, given = learned(adapter, section, updates=100, learning_rate=0.05)
    rows = given.rows["place"]
    accuracy = (said(result.model, adapter, "place", rows.text.tolist()).argmax(axis=1) == rows.targets["place"]).mean()
    assert accuracy > 0.8
    assert result.report["place"]["updates"] >= 60
    before, after = adapter.reader.model, result.model
    for name, head in before.network.layers.heads.items():
        for old, new in zip(head.get_weights(), after.network.layers.heads[name].get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
    layers = [(before.network.layers, after.network.layers)]
    for old, new in layers:
        for part in ("embedding", "sharing"):
            for first, second in zip(getattr(old, part).weights, getattr(new, part).weights, strict=True):
                np.testing.assert_array_equal(first, second)
    assert after.network.layers.sharing.trunk.trainable


def test_the_same_seed_gives_the_same_head(adapter, section):
    weights = [learned(adapter, section, updates=3, shots=2)[0].model.network.layers.heads["place"] for _ in range(2)]
    for first, second in zip(*(head.get_weights() for head in weights), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-6)


def test_numbers_are_learned_too(adapter, section, tmp_path):
    rows = [{"text": row["text"], "stars": len(row["text"]) / 10} for row in places(30, 1)]
    section["sources"]["places"] = {"train": write_rows(tmp_path / "stars.jsonl", rows)}
    section["tasks"] = {"length": {"kind": "regression", "target": "stars"}}
    result, given = learned(adapter, section, updates=100, learning_rate=0.03)
    found = said(result.model, adapter, "length", given.rows["length"].text.tolist())
    assert np.corrcoef(found, given.rows["length"].targets["length"])[0, 1] > 0.8


def test_a_new_domain_begins_with_the_head_of_an_old_one(adapter, section, tmp_path):
    rows = [
        {"text": row["text"], "label": "cats" if number % 2 else "dogs"} for number, row in enumerate(places(30, 1))
    ]
    section["sources"]["places"] = {"train": write_rows(tmp_path / "animals.jsonl", rows)}
    result, _ = learned(adapter, section, updates=1, learning_rate=1e-9, weight_decay=0.0, like="topic")
    heads = [model.network.layers.heads for model in (adapter.reader.model, result.model)]
    for old, new in zip(heads[0]["topic"].get_weights(), heads[1]["place"].get_weights(), strict=True):
        np.testing.assert_allclose(old, new, atol=1e-6)


def test_options_have_bounds():
    with pytest.raises(ValueError, match="updates"):
        HeadOptions(updates=0)
