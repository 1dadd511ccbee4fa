import json

import numpy as np
import pytest
import scipy.stats

from tfmtl.core.errors import RunError
from tfmtl.reports.affinity.measured import check_interval, read_relations

LINES = [
    {"update": 10, "every": 10, "affinity": [[0.5, 0.1], [0.2, 0.4]], "gram": [[4.0, -1.0], [-1.0, 1.0]]},
    # Measured before a kill, and again after it.
    {"update": 20, "every": 10, "affinity": [[9.0, 9.0], [9.0, 9.0]], "gram": [[9.0, 9.0], [9.0, 9.0]]},
    {"update": 20, "every": 10, "affinity": [[0.3, 0.3], [0.0, 0.2]], "gram": [[1.0, 1.0], [1.0, 4.0]]},
    # The second task has no row.
    {"update": 30, "every": 10, "affinity": [[0.1, None], [None, None]], "gram": [[1.0, None], [None, None]]},
]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "affinity.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return tmp_path / "affinity.jsonl"


def test_means_are_over_the_batches_in_which_both_tasks_were(path):
    found = read_relations(path, ["topic", "title"])
    assert found.measurements == 3
    np.testing.assert_allclose(found.affinity, [[0.3, 0.2], [0.1, 0.3]])
    np.testing.assert_allclose(found.cosine, [[1.0, 0.0], [0.0, 1.0]], atol=1e-12)
    np.testing.assert_allclose(found.conflicts, [[0.0, 0.5], [0.5, 0.0]])
    np.testing.assert_allclose(found.standard_error[0, 1], scipy.stats.sem([0.1, 0.3]))


def test_one_measurement_has_no_standard_error(path):
    path.write_text(path.read_text().splitlines()[0] + "\n")
    found = read_relations(path, ["topic", "title"])
    assert np.isfinite(found.affinity).all() and np.isnan(found.standard_error).all()


@pytest.mark.parametrize("line", ["{", '{"update": 40}', '{"update": 40, "affinity": [[1.0]], "gram": [[1.0]]}'])
def test_a_damaged_file_is_told(path, line):
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(RunError, match=r"affinity.jsonl: damaged"):
        read_relations(path, ["topic", "title"])


def test_a_training_too_short_is_told(tmp_path):
    with pytest.raises(RunError, match="nothing was measured; train longer, or measure more often"):
        read_relations(tmp_path / "affinity.jsonl", ["topic"])


def test_another_interval_than_that_of_the_run_is_told(path):
    check_interval(path, 10)
    check_interval(path.with_name("none.jsonl"), 5)
    with pytest.raises(RunError, match="measured every 10 updates, asked for every 5; choose another run's folder"):
        check_interval(path, 5)
