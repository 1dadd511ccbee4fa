import numpy as np
import pytest
from tfmtl.reports.similarity_baselines import similarity_answers

from tfmtl.data.streams import Examples
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.regression.options import Regression

FIRST = ["red car", "blue bird", "red car", "red car", "blue bird"]
SECOND = ["red car", "blue bird", "blue bird", "red bird", "blue car"]
# Each of the four words stands in five of the ten texts, so all weigh the same: cosines are shares of common words.
COSINES = [1.0, 1.0, 0.0, 0.5, 0.5]


def pairs(targets, first=FIRST, second=SECOND):
    return Examples(np.array(first, object), np.array(second, object), {"alike": np.array(targets)})


def test_a_number_is_a_line_over_the_cosine():
    task = Regression(name="alike", source="pairs", text_pair="second")
    train = pairs([1.0 + 4.0 * cosine for cosine in COSINES])
    asked = pairs([np.nan] * 2, ["car bird", "red blue"], ["bird car", "red bird"])
    assert similarity_answers(task, train, asked)["cosine"] == pytest.approx([5.0, 3.0])


def test_a_class_is_what_the_cosine_says():
    task = Classification(name="alike", source="pairs", text_pair="second", labels=("no", "yes"))
    train = pairs([1, 1, 0, 0, 0] * 25, FIRST * 25, SECOND * 25)
    asked = pairs([-1, -1], ["car bird", "red blue"], ["bird car", "car bird"])
    assert similarity_answers(task, train, asked)["cosine"].tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_rows_without_a_target_are_not_learned():
    task = Regression(name="alike", source="pairs", text_pair="second")
    line = [1.0 + 4.0 * cosine for cosine in COSINES]
    train = pairs([*line, np.nan], [*FIRST, "other words"], [*SECOND, "red car"])
    assert similarity_answers(task, train, train)["cosine"][:5] == pytest.approx(line)


def test_of_one_class_there_is_nothing_to_learn():
    task = Classification(name="alike", source="pairs", text_pair="second", labels=("no", "yes"))
    assert similarity_answers(task, pairs([1, 1, -1, 1, 1]), pairs([0] * 5)) == {}


def test_single_texts_have_no_cosine():
    task = Classification(name="alike", source="texts", labels=("no", "yes"))
    single = Examples(np.array(["red car"], object), None, {"alike": np.array([1])})
    assert similarity_answers(task, single, single) == {}
