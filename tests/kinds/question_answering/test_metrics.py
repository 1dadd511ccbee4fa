import random
import re
import string
from collections import Counter

import numpy as np
import pytest

from tests.kinds.made_up import objects
from tfmtl.kinds.question_answering.metrics import METRICS, normalized
from tfmtl.kinds.question_answering.targets import NO_ANSWER, TrueAnswer

F1, EXACT = METRICS["f1"](), METRICS["exact_match"]()
WORDS = ["the", "a", "An", "Rome", "rome,", "1,000", "U.S.", "é", "日本", "-", "and", "is"]


def scores(true, said):
    targets = objects([tuple(TrueAnswer(text, 0) for text in texts) or (NO_ANSWER,) for texts in true])
    return F1.per_example(targets, objects(said)).tolist(), EXACT.per_example(targets, objects(said)).tolist()


def by_the_rules(true, said):
    """The published rules of SQuAD 2.0, step by step: lower case, no punctuation, no articles, single spaces."""

    def plain(text):
        text = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())

    def f1(one, other):
        one, other = plain(one).split(), plain(other).split()
        common = sum((Counter(one) & Counter(other)).values())
        if not one or not other:
            return float(one == other)
        if common == 0:
            return 0.0
        precision, recall = common / len(other), common / len(one)
        return 2 * precision * recall / (precision + recall)

    wanted = [text for text in true if plain(text)] or [""]
    return max(f1(text, said) for text in wanted), max(float(plain(text) == plain(said)) for text in wanted)


def test_answers_are_normalised():
    assert normalized("The  U.S.' 1,000 an-apples; A ") == "us 1000 anapples"


@pytest.mark.parametrize(
    ("true", "said", "f1", "exact"),
    [
        (["Rome"], "the rome.", 1.0, 1.0),
        (["New York City"], "New York", 0.8, 0.0),
        (["Rome", "New York"], "York", 2 / 3, 0.0),
        ([], "", 1.0, 1.0),
        ([], "Rome", 0.0, 0.0),
        (["Rome"], "", 0.0, 0.0),
        # Of a prediction that is an article nothing is left.
        ([], "the", 1.0, 1.0),
        (["the", "Rome"], "a", 0.0, 0.0),
    ],
)
def test_the_best_true_answer_counts(true, said, f1, exact):
    assert scores([true], [said]) == ([pytest.approx(f1)], [exact])


def test_random_answers_score_by_the_rules():
    generator = random.Random(0)
    draw = lambda: " ".join(generator.choices(WORDS, k=generator.randint(0, 4)))  # noqa: E731
    true = [[text for text in (draw() for _ in range(generator.randint(0, 3))) if text] for _ in range(500)]
    said = [generator.choice([draw(), *texts]) for texts in true]
    expected = [by_the_rules(*pair) for pair in zip(true, said, strict=True)]
    np.testing.assert_allclose(np.transpose(scores(true, said)), expected, rtol=1e-12)
