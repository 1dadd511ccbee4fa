import pytest
import tensorflow as tf

from tfmtl.balancing import get
from tfmtl.core.errors import ConfigurationError
from tfmtl.kinds.regression.options import Regression


def test_a_task_that_is_not_named_weighs_one():
    method = get("fixed", weights={"b": 0.5})
    method.tasks = [Regression(name=name, source="s") for name in ("a", "b")]
    assert method.weights(tf.constant([3.0, 4.0])).numpy().tolist() == [1.0, 0.5]


def test_a_weight_of_an_unknown_task_names_the_nearest():
    with pytest.raises(ConfigurationError, match=r"balancing.weights: unknown task 'titel'; did you mean 'title'"):
        get("fixed", weights={"titel": 2.0}).check(["subject", "title"])
