import random

import numpy as np
import pytest

from tests.kinds.made_up import objects
from tests.kinds.tagging.test_spans import by_state
from tfmtl.kinds.tagging.metrics import METRICS
from tfmtl.kinds.tagging.targets import padded

F1, ACCURACY = METRICS["f1_span"](), METRICS["accuracy"]()
KNOWN = ["O", "O", "O", "B-x", "I-x", "B-y", "I-y", "I-z"]


def random_tags(seed, rows=40):
    """True tags, and predicted ones of which two thirds are the same."""
    generator = random.Random(seed)
    true = [tuple(generator.choices(KNOWN, k=generator.randint(1, 9))) for _ in range(rows)]
    said = [[generator.choice([tag, tag, generator.choice(KNOWN)]) for tag in tags] for tags in true]
    return true, said


def f1(true, said):
    """Precision and recall of spans, counted over all rows, and their harmonic mean."""
    wanted = {(row, *span) for row, tags in enumerate(true) for span in by_state(tags)}
    found = {(row, *span) for row, tags in enumerate(said) for span in by_state(tags)}
    precision, recall = len(wanted & found) / len(found), len(wanted & found) / len(wanted)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("seed", range(5))
def test_f1_of_random_tags_is_that_of_counted_spans(seed):
    true, said = random_tags(seed)
    assert F1(objects(true), padded(said)) == pytest.approx(f1(true, said), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_random_tags_score_as_in_seqeval(seed):
    seqeval = pytest.importorskip("seqeval.metrics")
    true, said = random_tags(seed)
    expected = seqeval.f1_score([list(tags) for tags in true], said), seqeval.accuracy_score([*map(list, true)], said)
    found = F1(objects(true), padded(said)), ACCURACY(objects(true), padded(said))
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_example_of_conlleval():
    # One of three found spans is right, of two true ones: precision 1/3, recall 1/2.
    true = objects([("B-x", "I-x", "O"), ("O", "B-y")])
    said = padded([["B-x", "O", "B-x"], ["O", "I-y"]])
    assert F1(true, said) == pytest.approx(0.4)
    assert ACCURACY(true, said) == pytest.approx(2 / 5)


def test_rows_without_spans_score_zero():
    nothing = objects([("O", "O")])
    assert (F1(nothing, padded([["O", "O"]])), ACCURACY(nothing, padded([["O", "O"]]))) == (0.0, 1.0)


@pytest.mark.parametrize("metric", [F1, ACCURACY])
def test_samples_score_as_their_rows(metric):
    true, said = random_tags(9)
    true, said = objects(true), padded(said)
    samples = np.random.default_rng(0).integers(0, len(true), [7, len(true)])
    expected = [metric(true[rows], said[rows]) for rows in samples]
    np.testing.assert_allclose(metric.of_samples(true, said, samples), expected, rtol=1e-12)
