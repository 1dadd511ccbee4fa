import math
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.kinds.made_up import encoded, examples, predicted
from tfmtl.config.options import ModelOptions
from tfmtl.core.errors import DataError
from tfmtl.data.columns import DenseColumn
from tfmtl.kinds.kind import HeadContext, kind_named
from tfmtl.kinds.regression.options import Regression
from tfmtl.metrics.scoring import quick_scores
from tfmtl.models.layers.pooling import AttentionPooling

KIND = kind_named("regression")
STARS = Regression(name="stars", source="s", target="score")


def test_numbers_become_floats():
    targets = encoded(STARS, ["2.5", 3, -1e3, None, ""])
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(targets, np.float32([2.5, 3, -1000, np.nan, np.nan]))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, "high"], "a.tsv:2: 'score' of task 'stars' is not a finite number: 'high'"),
        (["inf"], "a.tsv:1: 'score' of task 'stars' is not a finite number: 'inf'"),
        ([float("nan")], "a.tsv:1: 'score' of task 'stars' is not a finite number: nan"),
        ([1e39], "a.tsv:1: 'score' of task 'stars' is not a finite number: 1e+39"),
        ([True], "a.tsv:1: 'score' of task 'stars' is not a finite number: True"),
        ([[1]], "a.tsv:1: 'score' of task 'stars' is not a finite number: [1]"),
    ],
)
def test_a_value_that_cannot_be_learned_from_is_one_line_with_its_place(values, expected):
    with pytest.raises(DataError) as caught:
        encoded(STARS, values)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("targets", "mean", "deviation"),
    [([1.0, np.nan, 4.0], 2.5, 1.5), ([3.0, 3.0], 3.0, 1.0), ([np.nan, 2.0], 2.0, 1.0)],
)
def test_a_head_works_in_the_deviation_of_the_training_targets(targets, mean, deviation):
    trunk = SimpleNamespace(pooling=AttentionPooling, dtype_policy="float32")
    context = HeadContext(trunk, ModelOptions(head_dropout=0.25), DenseColumn(np.float32(targets)))
    head = KIND.head(STARS, context)
    assert (head.name, head.mean, head.deviation) == ("stars", pytest.approx(mean), pytest.approx(deviation))
    assert (head.rate, head.pair, head.outputs) == (0.25, False, 1)


def test_an_answer_is_the_score_itself():
    said = tf.constant([1.5, -2.0])
    answer = KIND.answer(STARS, said, None)
    assert answer == {"score": said}
    assert tuple(answer) == KIND.outputs
    assert KIND.predictions(answer) is said


def test_an_answer_is_said_as_the_shortest_number_that_is_the_same_float32():
    answer = {"score": np.float32([0.1, 3.0])}
    assert KIND.as_json(STARS, answer, 0) == {"score": 0.1}
    assert KIND.rest_result(STARS, answer) == [0.1, 3.0]
    assert KIND.target_as_json(STARS, np.float32(0.1)) == 0.1


def test_a_constant_number_has_no_correlation():
    train = examples(STARS, ["pp", "qq rr"], np.float32([1.0, 2.0]))
    asked = examples(STARS, ["t"] * 2, np.float32([1.0, 5.0]))
    found = predicted(STARS, train, asked)
    assert found["mean"].tolist() == [1.5, 1.5]
    assert quick_scores(STARS, asked.targets["stars"], found["mean"]) == {"pearson": 0.0, "spearman": 0.0}


def test_a_linear_model_gives_numbers():
    train = examples(STARS, ["good film", "bad film"] * 4, np.float32([3.0, -1.0] * 4))
    asked = examples(STARS, ["good film", "bad film", "film"], np.float32([np.nan] * 3))
    found = predicted(STARS, train, asked)
    assert list(found) == ["mean", "linear_svm"]
    # With C = 1 and one word that tells, eight rows pull the loss without slack almost to the targets.
    assert found["linear_svm"] == pytest.approx([3.0, -1.0, 1.0], abs=0.7)


FIRST = ["red car", "blue bird", "red car", "red car", "blue bird"]
SECOND = ["red car", "blue bird", "blue bird", "red bird", "blue car"]
# Each of the four words stands in five of the ten texts, so all weigh the same: cosines are shares of common words.
COSINES = [1.0, 1.0, 0.0, 0.5, 0.5]


def test_a_number_is_a_line_over_the_cosine():
    task = Regression(name="alike", source="pairs", text_pair="second")
    train = examples(task, FIRST, np.array([1.0 + 4.0 * cosine for cosine in COSINES]), SECOND)
    asked = examples(task, ["car bird", "red blue"], np.array([np.nan] * 2), ["bird car", "red bird"])
    assert predicted(task, train, asked)["cosine"] == pytest.approx([5.0, 3.0])


def test_single_texts_have_no_cosine():
    single = examples(STARS, ["red car"], np.float32([1.0]))
    assert "cosine" not in predicted(STARS, single, single)


def test_an_absent_score_and_a_present_one_have_different_losses_in_any_unit():
    absent, present = KIND.probe_targets(STARS)
    assert math.isnan(absent) and math.isfinite(present)
