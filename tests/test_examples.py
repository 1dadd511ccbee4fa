"""What stands in `examples/` and `benchmarks/` imports names that there are, and the example shows a run."""

import ast
import importlib
import runpy
import sys
from pathlib import Path

import pytest

from tfmtl.runs.identity import claim
from tfmtl.runs.run_folder import RunFolder

ROOT = Path(__file__).parent.parent
SCRIPTS = [ROOT / "train.py", *sorted((ROOT / "examples").glob("*.py")), *sorted((ROOT / "benchmarks").glob("*.py"))]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_what_a_script_imports_of_the_package_is_there(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "tfmtl":
            module = importlib.import_module(node.module)
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_the_example_shows_what_is_said_of_a_few_rows_beside_what_is_true(
    experiment, data, model, tmp_path, monkeypatch, capsys
):
    run = RunFolder(tmp_path / "tiny")
    claim(run, experiment, data.tasks)
    data.tokenizer.save(run.tokenizer)
    run.checkpoints.mkdir()
    model.save(run.best_model)
    script = ROOT / "examples" / "show_predictions.py"
    monkeypatch.setattr(sys, "argv", [str(script), str(run.path), "2"])
    runpy.run_path(str(script), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    for name in data.tasks:
        shown = [place for place, line in enumerate(lines) if line.startswith(f"{name}: ")]
        assert len(shown) == 2
        assert all(lines[place + 1].startswith("  true: ") for place in shown)
    assert sum(line.startswith("tickets: ") for line in lines) == 2
