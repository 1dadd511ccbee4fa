import numpy as np
import pytest
from matplotlib.image import imread

from tests.reports.results import SUBJECT, result_of
from tfmtl.kinds.classification.report import plot_confusion, section
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
    assert [path.name for path in (folder / "plots").iterdir()] == ["subject_confusion.png"]


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
    plot_confusion(np.arange(classes), np.zeros(classes, int), labels, tmp_path / "matrix.png")
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
