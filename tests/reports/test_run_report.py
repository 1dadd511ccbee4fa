import numpy as np

from tests.reports.results import SCORE, SUBJECT, TITLE, result_of
from tfmtl.reports.run_report import write_report


def test_the_report_shows_every_task(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,loss,subject_loss\n1,2.0,1.0\n")
    path = write_report(tmp_path, [SUBJECT, SCORE, TITLE], "test")
    text = path.read_text()
    assert path == tmp_path / "report.md"
    assert "| subject | accuracy | 0.3333 | " in text
    assert "## subject (classification)" in text
    # The most confident mistake comes first; a right answer is not shown.
    assert text.index("| physics | math | 0.700 |") < text.index("| second text | physics | math | 0.600 |")
    assert "first \\| text | math" not in text
    # The row without a number is left out; the largest error comes first.
    assert text.index("| 3.000 | 1.000 |") < text.index("| first \\| text | 1.000 | 1.500 |")
    assert "9.000" not in text
    assert "| second text | ref \\*two\\* | two |" in text
    plots = sorted(file.name for file in (tmp_path / "plots").iterdir())
    assert plots == ["losses.png", "score_scatter.png", "subject_confusion.png", "subject_reliability.png"]
    for name in plots:
        assert f"(plots/{name})" in text


def test_texts_that_lose_their_end_are_told(tmp_path):
    assert "## Cut texts" not in write_report(tmp_path, [SUBJECT], "test").read_text()
    text = write_report(tmp_path, [SUBJECT], "test", ["5 % are cut"]).read_text()
    assert "## Cut texts\n\n- 5 % are cut\n" in text


def test_long_texts_are_cut(tmp_path):
    line = next(line for line in write_report(tmp_path, [SUBJECT], "test").read_text().splitlines() if "third" in line)
    assert "third\u2026 | physics" in line
    assert len(line) < 400


def test_without_a_history_there_are_no_curves(tmp_path):
    assert "## Training" not in write_report(tmp_path, [TITLE], "test").read_text()


def test_a_task_without_targets_says_so(tmp_path):
    nothing = result_of(SUBJECT.task, np.array([-1, -1, -1]), SUBJECT.answer)
    assert "No row has a target." in write_report(tmp_path, [nothing], "test").read_text()
