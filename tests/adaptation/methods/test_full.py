import numpy as np
import pytest

from tests.adaptation.methods.test_head import said
from tfmtl.adaptation.adapt_run import Adapter
from tfmtl.adaptation.method import Start
from tfmtl.adaptation.methods.full import Full
from tfmtl.config.adaptation import parse_adaptation


@pytest.fixture(scope="module")
def adapter(trained):
    return Adapter(trained)


def test_a_copy_of_the_trunk_learns_and_the_trunk_itself_does_not(adapter, section):
    adaptation = parse_adaptation({**section, "adapt": {"method": "full", "updates": 60, "learning_rate": 0.01}})
    given = adapter.prepare(adaptation)
    result = Full(adaptation.options).learn(
        Start(adapter.reader, given.experiment, adapter.features), given.tasks, given.rows
    )
    rows = given.rows["place"]
    accuracy = (said(result.model, adapter, "place", rows.text.tolist()).argmax(axis=1) == rows.targets["place"]).mean()
    assert accuracy > 0.85
    before, after = (model.network.layers for model in (adapter.reader.model, result.model))
    for old, new in ((before.embedding, after.embedding), (before.sharing.trunk, after.sharing.trunk)):
        for first, second in zip(old.get_weights(), new.get_weights(), strict=True):
            np.testing.assert_array_equal(first, second)
    (own,) = after.sharing.own_trunks
    assert (
        max(np.abs(a - b).max() for a, b in zip(own.get_weights(), after.sharing.trunk.get_weights(), strict=True))
        > 1e-3
    )
    assert result.model.network.readings(5) == 2
    assert own.trainable_variables and after.embedding.trainable_variables
