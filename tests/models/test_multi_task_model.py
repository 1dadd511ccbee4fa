import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.data.batches import batches
from tfmtl.models.multi_task_model import MultiTaskModel


@pytest.fixture(scope="module")
def batch(data):
    return batches(data.tables, data.plan, 0, 1)


def test_fit_and_evaluate_report_each_task_s_loss(compiled, batch):
    model, update = compiled
    names = {"loss", "topic_loss", "title_loss", "same_loss", "stars_loss"}
    before = model.evaluate(batch, verbose=0, return_dict=True)
    history = model.fit(batch, verbose=0).history
    assert set(before) == set(history) == names
    # The losses of a step are those before it.
    for name in names:
        assert history[name] == [pytest.approx(before[name], rel=1e-4)]
    assert before["loss"] == pytest.approx(sum(before[f"{task}_loss"] for task in update.tasks), rel=1e-5)
    after = model.evaluate(batch, verbose=0, return_dict=True)
    in_order = [after[name] for name in ("loss", "same_loss", "stars_loss", "title_loss", "topic_loss")]
    assert model.evaluate(batch, verbose=0) == pytest.approx(in_order, rel=1e-5)


def test_a_loaded_model_is_not_compiled_and_has_no_metrics(tmp_path):
    tokens = keras.Input((2,), name="tokens")
    MultiTaskModel(inputs={"tokens": tokens}, outputs={"topic": keras.layers.Dense(2, name="topic")(tokens)}).save(
        tmp_path / "model.keras"
    )
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, MultiTaskModel)
    assert loaded.update is None
    assert loaded.metrics == []
    assert loaded({"tokens": np.ones([1, 2], np.float32)})["topic"].shape == (1, 2)


def test_logs_stay_scalars_with_one_worker(compiled):
    model, _ = compiled
    assert model._as_logs({"loss": tf.constant(1.0)})["loss"].shape == ()
