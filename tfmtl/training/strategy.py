"""The strategies that distribute a training over devices."""

import contextlib
import functools
import json
import os
from collections.abc import Callable, Sequence

import tensorflow as tf

from tfmtl.core.errors import ConfigurationError


def make_strategy(name: str) -> tf.distribute.Strategy:
    """Returns the strategy of a configuration; several workers find each other by `TF_CONFIG`.

    It must be called before TensorFlow has run an operation, because several workers need to set up their connection.

    Args:
        name: `auto`, `none`, `mirrored`, `multi_worker` or `tpu`. `auto` is `multi_worker` if `TF_CONFIG` names several
            workers, else `mirrored` if there are several GPUs, else `none`.

    Raises:
        ConfigurationError: if the machine does not have what the strategy needs.
    """
    return _STRATEGIES[_automatic() if name == "auto" else name]()


def scope(strategy: tf.distribute.Strategy):
    """The strategy's scope; no scope at all for the default strategy, which would only slow Keras down."""
    return contextlib.nullcontext() if _is_default(strategy) else strategy.scope()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes the run folder."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.cluster_spec().as_dict():
        return True
    return resolver.task_type in (None, "chief") or (
        resolver.task_type == "worker" and resolver.task_id == 0 and "chief" not in resolver.cluster_spec().jobs
    )


def is_same_everywhere(strategy: tf.distribute.Strategy, number: int) -> bool:
    """Whether all workers have the same `number`; every worker must call this."""
    numbers = tf.function(lambda: strategy.run(lambda: tf.constant(number, tf.float64)), autograph=False)()
    return float(strategy.reduce(tf.distribute.ReduceOp.MEAN, numbers, axis=None)) == number


def of_chief(strategy: tf.distribute.Strategy, values: Sequence[float]) -> list[float]:
    """Returns the values that the first replica's process has; every worker must call this."""
    if strategy.num_replicas_in_sync == 1:
        return list(values)

    def own() -> tf.Tensor:
        first = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.where(tf.equal(first, 0), tf.constant(values, tf.float64), 0.0)

    found = tf.function(lambda: strategy.run(own), autograph=False)()
    return strategy.reduce(tf.distribute.ReduceOp.SUM, found, axis=None).numpy().tolist()


def on_first_replica(compute: Callable) -> Callable:
    """Returns the function of a batch that runs `compute(batch)` on every replica and returns the first one's tensor.

    Without a strategy no graph is made, which would take longer than the few runs that a check or an epoch needs.
    """
    if not tf.distribute.has_strategy():
        return compute
    strategy = tf.distribute.get_strategy()
    run = tf.function(lambda batch: strategy.run(compute, args=(batch,)), reduce_retracing=True, autograph=False)
    return lambda batch: strategy.experimental_local_results(run(batch))[0]


def _is_default(strategy: tf.distribute.Strategy) -> bool:
    return type(strategy) is type(tf.distribute.get_strategy()) and strategy.num_replicas_in_sync == 1


def _automatic() -> str:
    cluster = _tf_config().get("cluster", {})
    if sum(len(cluster.get(job, ())) for job in ("chief", "worker")) > 1:
        return "multi_worker"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "none"


def _tf_config() -> dict:
    """Returns the workers that the environment describes; an empty dict if it describes none."""
    text = os.environ.get("TF_CONFIG", "").strip() or "{}"
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"TF_CONFIG: not JSON: {error}") from None
    if not isinstance(config, dict) or not isinstance(config.get("cluster", {}), dict):
        raise ConfigurationError("TF_CONFIG: expected an object whose 'cluster' names the addresses of each job")
    return config


@functools.cache
def _mirrored() -> tf.distribute.Strategy:
    # One per process: collective operations of a second strategy on the same devices would get the keys of the first.
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _multi_worker() -> tf.distribute.Strategy:
    if not _tf_config():
        raise ConfigurationError("training.strategy: 'multi_worker' needs the environment variable TF_CONFIG")
    return tf.distribute.MultiWorkerMirroredStrategy()


def _tpu() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise ConfigurationError(f"training.strategy: there is no TPU: {str(error).splitlines()[0]}") from None
    return tf.distribute.TPUStrategy(resolver)


_STRATEGIES = {
    "none": tf.distribute.get_strategy,
    "mirrored": _mirrored,
    "multi_worker": _multi_worker,
    "tpu": _tpu,
}
