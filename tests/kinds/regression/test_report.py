import numpy as np
from matplotlib.image import imread

from tests.reports.results import SCORE
from tfmtl.kinds.regression.report import scatter_figure, section


def test_the_largest_error_comes_first_and_a_row_without_a_number_is_left_out(tmp_path):
    (tmp_path / "plots").mkdir()
    text = "\n".join(section(SCORE.task, SCORE.labelled(), tmp_path))
    assert text.index("| 3.000 | 1.000 |") < text.index("| first \\| text | 1.000 | 1.500 |")
    assert "9.000" not in text
    assert "(plots/score_scatter.png)" in text
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["score_scatter.png"]


def test_scatter(tmp_path):
    scatter_figure(np.array([1.0, 2.0]), np.array([1.5, 1.5])).savefig(tmp_path / "scatter.png")
    assert imread(tmp_path / "scatter.png").size
