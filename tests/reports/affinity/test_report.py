import json

import numpy as np

from tfmtl.reports.affinity.grouping import best_groups
from tfmtl.reports.affinity.measured import Relations
from tfmtl.reports.affinity.report import write_affinity

AFFINITY = np.array([[0.01, 0.002, np.nan], [0.001, 0.01, -0.003], [np.nan, -0.004, 0.01]])
COSINE = np.array([[1.0, 0.5, np.nan], [0.5, 1.0, -0.25], [np.nan, -0.25, 1.0]])
RELATIONS = Relations(
    ["topic", "title", "stars"], AFFINITY, np.abs(AFFINITY) / 10, COSINE, (COSINE < 0).astype(float), 7
)


def test_the_files_hold_the_matrices_and_the_groups(tmp_path):
    text = write_affinity(tmp_path / "new", RELATIONS, best_groups(AFFINITY, models=2)).read_text(encoding="utf-8")
    assert "| topic | 10.000 ± 1.000 | 2.000 ± 0.200 |  |" in text
    assert "| title | 0.500 | 1.000 | -0.250 |" in text
    # Apart from stars, which is hurt and hurts: 2 + 1; together (1 + 2 - 4 - 3) / 2.
    assert "Means of 7 measurements" in text and "**stars; topic, title**" in text
    assert "affinity is 3.000; that of all tasks in one model -2.000" in text
    # Ten standard errors each: topic and title help each other, title and stars hurt.
    assert "Of the 4 affinities of one task onto another that were measured twice or more, 2 are more" in text
    assert "two standard errors above zero and 2 below it" in text
    found = json.loads((tmp_path / "new" / "affinity.json").read_text())
    assert found["groups"] == [["stars"], ["topic", "title"]] and found["affinity"][0] == [0.01, 0.002, None]
    assert (tmp_path / "new" / "affinity.png").read_bytes().startswith(b"\x89PNG")
