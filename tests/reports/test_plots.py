import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tfmtl.core.errors import RunError
from tfmtl.reports.plots import plot_losses, read_history


def test_read_history(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss,val_loss\n1,2.5,\n2,1.5,3.0\n")
    history = read_history(path)
    assert list(history) == ["epoch", "loss", "val_loss"]
    assert history["loss"] == [2.5, 1.5]
    np.testing.assert_array_equal(history["val_loss"], [np.nan, 3.0])


def test_a_damaged_history_is_told_with_its_place(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss\n1,2.5\n2,much\n")
    with pytest.raises(RunError, match=r"history\.csv:3: loss: expected a number, found 'much'"):
        read_history(path)


def test_an_empty_history_has_no_columns(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss\n")
    assert read_history(path) == {}


@pytest.mark.parametrize("tasks", [1, 6])
def test_a_panel_for_each_task(tmp_path, tasks):
    history = {"epoch": [1, 2], "loss": [2.0, 1.0], "val_loss": [2.0, float("nan")], "learning_rate": [0.1, 0.0]}
    for task in range(tasks):
        history |= {
            f"task{task}_loss": [1.0, 0.5],
            f"val_task{task}_loss": [1.0, 0.7],
            f"val_task{task}_f1": [0.1, 0.2],
        }
    plot_losses(history, tmp_path / "losses.png")
    height, width = imread(tmp_path / "losses.png").shape[:2]
    rows, columns = {1: (1, 2), 6: (3, 3)}[tasks]
    assert (width, height) == (504 * columns, 360 * rows)


def test_needs_neither_global_state_nor_tensorflow():
    program = "import sys, tfmtl.reports.plots as _; print({'matplotlib.pyplot', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_no_module_draws_by_global_state():
    # Keras imports pyplot itself, so that what is loaded tells nothing of the modules that import Keras.
    modules = list((Path(__file__).parents[2] / "tfmtl").rglob("*.py"))
    imported = {
        name
        for path in modules
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _names(node)
        if name.partition(".")[0] == "matplotlib"
    }
    assert "matplotlib.figure.Figure" in imported
    assert not [name for name in imported if name.startswith("matplotlib.pyplot")]


def _names(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []
