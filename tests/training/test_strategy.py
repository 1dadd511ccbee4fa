import contextlib
import json

import numpy as np
import pytest
import tensorflow as tf

from tfmtl.core.errors import ConfigurationError
from tfmtl.training.strategy import is_chief, make_strategy, on_first_replica, scope


def test_without_gpus_or_workers_the_automatic_choice_is_none(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    strategy = make_strategy("auto")
    assert strategy is make_strategy("none") is tf.distribute.get_strategy()
    assert strategy.num_replicas_in_sync == 1
    assert isinstance(scope(strategy), contextlib.nullcontext)
    assert is_chief(strategy)


def test_mirrored_takes_every_device_and_is_made_once(mirrored):
    assert mirrored.num_replicas_in_sync == 2
    assert make_strategy("mirrored") is mirrored
    assert is_chief(mirrored)
    with scope(mirrored):
        assert tf.distribute.get_strategy() is mirrored


def test_a_function_runs_on_every_replica_and_gives_the_first_ones_tensor(mirrored):
    contexts = []

    def sum_over_replicas(batch):
        contexts.append(tf.executing_eagerly())
        context = tf.distribute.get_replica_context()
        share = tf.cast(context.replica_id_in_sync_group + 1, tf.float32) * batch["a"]
        return context.all_reduce(tf.distribute.ReduceOp.SUM, share)

    batch = {"a": tf.constant([1.0, -2.0])}
    np.testing.assert_array_equal(on_first_replica(sum_over_replicas)(batch), [1.0, -2.0])
    assert contexts == [True]
    with scope(mirrored):
        run = on_first_replica(sum_over_replicas)
        np.testing.assert_array_equal(run(batch), [3.0, -6.0])
        np.testing.assert_array_equal(run(batch), [3.0, -6.0])
    # A graph is made once, by each replica's part.
    assert contexts == [True, False, False]


def test_a_single_worker_is_no_cluster(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["localhost:1"]}}))
    assert make_strategy("auto") is make_strategy("none")


@pytest.mark.parametrize(("text", "expected"), [("{oops", "not JSON"), ('{"cluster": []}', "expected an object")])
@pytest.mark.parametrize("strategy", ["auto", "multi_worker"])
def test_a_cluster_that_cannot_be_read_is_one_line(monkeypatch, text, expected, strategy):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ConfigurationError, match=f"^TF_CONFIG: {expected}"):
        make_strategy(strategy)


def test_several_workers_need_to_know_each_other(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ConfigurationError, match="'multi_worker' needs the environment variable TF_CONFIG"):
        make_strategy("multi_worker")
