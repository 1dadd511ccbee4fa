import numpy as np
import pytest
from matplotlib.image import imread

from tests.reports.results import SUBJECT, result_of
from tfmtl.kinds.classification.report import confusion_figure, section
from tfmtl.reports import fonts


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "plots").mkdir()
    return tmp_path


def test_the_most_confident_mistake_comes_first_and_a_right_answer_is_not_shown(folder):
    text = "\n".join(section(SUBJECT.task, SUBJECT, folder))
    assert text.index("| physics | math | 0.700 |") < text.index("| second text | physics | math | 0.600 |")
    assert "first \\| text | math" not in text
    assert "(plots/subject_confusion.png)" in text
    names = sorted(path.name for path in (folder / "plots").iterdir())
    assert names == ["subject_confusion.png", "subject_reliability.png"]


def test_long_texts_are_cut(folder):
    line = next(line for line in section(SUBJECT.task, SUBJECT, folder) if "third" in line)
    assert "third\u2026 | physics" in line
    assert len(line) < 400


def test_perfect_answers_have_no_mistakes(folder):
    perfect = result_of(SUBJECT.task, np.array([0, 0, 0]), SUBJECT.answer)
    assert "Every row is right." in section(perfect.task, perfect, folder)


@pytest.mark.parametrize("classes", [2, 20])
def test_confusion(tmp_path, classes):
    labels = [f"a $long label_{index} with \\many^letters" for index in range(classes)]
    confusion_figure(np.arange(classes), np.zeros(classes, int), labels).savefig(tmp_path / "matrix.png")
    image = imread(tmp_path / "matrix.png")
    assert image.min() < image.max()


def test_labels_without_a_font_are_numbers_that_the_report_explains(folder, monkeypatch, recwarn):
    monkeypatch.setattr(fonts, "_installed", lambda: [fonts.USUAL])
    task = SUBJECT.task.model_copy(update={"labels": ("退款", "\u0939\u093f", "Заказ")[: len(SUBJECT.task.labels)]})
    lines = section(task, result_of(task, np.array([0, 1, 1]), SUBJECT.answer), folder)
    assert "No installed font has the characters of: #1 退款, #2 \u0939\u093f." in lines
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]
    plain = section(SUBJECT.task, SUBJECT, folder)
    assert not any(line.startswith("No installed font") for line in plain)


def cells(lines: list[str], first: str) -> list[str]:
    (row,) = [line for line in lines if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_report_says_at_what_coverage_the_answers_have_which_accuracy(folder):
    # The probabilities are 0.9 (right), 0.6 and 0.7 (wrong).
    lines = section(SUBJECT.task, SUBJECT, folder)
    assert cells(lines, "0") == ["0", "1.0000", "0.3333"]
    assert cells(lines, "0.8") == ["0.8", "0.3333", "1.0000"]
    assert cells(lines, "0.95") == ["0.95", "0.0000", ""]
    assert not any("abstain_below" in line for line in lines)
    task = SUBJECT.task.model_copy(update={"abstain_below": 0.65})
    lines = section(task, result_of(task, SUBJECT.targets, SUBJECT.answer), folder)
    assert cells(lines, "0.65") == ["0.65", "0.6667", "0.5000"]
    assert any("`abstain_below: 0.65`, 66.67% of the rows get a label, of which 50.00% are right" in x for x in lines)


def test_the_report_has_the_calibration_error_before_and_after(folder):
    # Before: 0.5 for each row, of which a third is right; after: gaps of 0.1, 0.6 and 0.7.
    lines = section(SUBJECT.task, SUBJECT, folder)
    after = (0.1 + 0.6 + 0.7) / 3
    assert any(f"of equal width: {after:.4f} probabilities." in line for line in lines)
    answer = {**SUBJECT.answer, "logits": np.zeros([3, 2], np.float32)}
    lines = section(SUBJECT.task, result_of(SUBJECT.task, SUBJECT.targets, answer), folder)
    assert any(f"{0.5 - 1 / 3:.4f} as trained, {after:.4f} with the temperature." in line for line in lines)
