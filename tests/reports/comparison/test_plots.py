import numpy as np
import pytest
from matplotlib.image import imread

from tfmtl.reports.comparison.compare import compare_runs
from tfmtl.reports.comparison.plots import _smoothed, plot_convergence, plot_gains, primary_changes


@pytest.fixture
def comparison(compared):
    both = compared("both", {"topic": 0.95, "title": 0.5})
    alone = [compared(f"both-{task}", {task: 0.7}) for task in ("topic", "title")]
    return compare_runs([both, *alone], "test")


def test_a_panel_for_each_task(comparison, tmp_path):
    plot_convergence(comparison.systems, tmp_path / "convergence.png")
    image = imread(tmp_path / "convergence.png")
    assert image.min() < image.max()
    # Two panels of 4.6 by 3.2 inches.
    assert image.shape[:2] == (384, 1104)


def test_gains_are_those_of_each_task_s_primary_metric(comparison, tmp_path):
    (gain,) = comparison.gains
    changes = primary_changes(gain)
    assert [(change.task, change.metric) for change in changes] == [("topic", "accuracy"), ("title", "rougeL")]
    plot_gains(gain, tmp_path / "gains.png")
    assert imread(tmp_path / "gains.png").size


def test_many_records_are_means_over_neighbours():
    minutes, losses = _smoothed([(60.0 * step, float(step % 2)) for step in range(80)])
    np.testing.assert_allclose(minutes, 2 * np.arange(40) + 0.5)
    np.testing.assert_allclose(losses, 0.5)
    minutes, losses = _smoothed([(30.0, 2.0), (90.0, 1.0)])
    assert (minutes.tolist(), losses.tolist()) == ([0.5, 1.5], [2.0, 1.0])
    assert [len(part) for part in _smoothed([])] == [0, 0]
