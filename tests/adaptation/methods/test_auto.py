from dataclasses import replace

import numpy as np
import pytest

from tests.adaptation.methods.test_probe import problem
from tfmtl.adaptation.methods.auto import Auto, AutoOptions
from tfmtl.adaptation.methods.probe import Probe, ProbeOptions
from tfmtl.adaptation.methods.prototypes import Prototypes, PrototypesOptions
from tfmtl.adaptation.solved import Problem


def one_direction():
    """Two classes that differ in one direction, beside others in which rows are far from each other for no reason."""
    generator = np.random.default_rng(0)
    targets = np.repeat([0, 1], 20)
    features = generator.normal(size=(40, 6)) * np.array([20.0, *[1.0] * 5])
    features[:, 1] = np.where(targets == 0, -1.0, 1.0)
    return Problem(features.astype(np.float32), targets, np.ones(40), 2)


@pytest.mark.parametrize("given", [problem(4, rows=4, noise=2.0), one_direction()], ids=["means", "a direction"])
def test_it_is_the_method_with_the_better_log_loss_of_held_out_rows(given):
    solutions = [Prototypes(PrototypesOptions()).solve(given), Probe(ProbeOptions()).solve(given)]
    better = min(solutions, key=lambda solution: solution.report["log_loss"])
    assert Auto(AutoOptions()).solve(given).report == better.report


def test_where_only_one_direction_counts_it_is_the_probe():
    assert Auto(AutoOptions()).solve(one_direction()).report["method"] == "probe"


def test_names_that_mislead_are_left_out_and_good_ones_are_used():
    given = problem(4, rows=4, noise=2.0)
    means = np.stack([given.features[given.targets == label].mean(axis=0) for label in range(4)])
    wrong, right = (
        replace(given, names=np.roll(means, 1, axis=0)),
        replace(given, names=problem(4, noise=0.0).features[::8]),
    )
    assert Auto(AutoOptions()).solve(wrong).report == Auto(AutoOptions()).solve(given).report
    assert Auto(AutoOptions()).solve(right).report["log_loss"] < Auto(AutoOptions()).solve(given).report["log_loss"]


def test_from_one_row_of_each_label_it_is_the_means_of_rows_and_names():
    given = replace(problem(2, rows=1, width=3), names=np.eye(2, 3, dtype=np.float32))
    solution = Auto(AutoOptions()).solve(given)
    assert solution.report == {"method": "prototypes", "scale": 8.0}
    np.testing.assert_allclose(solution.weights[0], (given.features + given.names) / 2, rtol=1e-6)
