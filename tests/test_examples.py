"""What stands in `examples/` and `benchmarks/` imports names that there are, and the example shows a run."""

import ast
import importlib
import json
import runpy
import sys
from pathlib import Path

import pytest

from tfmtl.runs.run_folder import RunFolder

ROOT = Path(__file__).parent.parent
SCRIPTS = [ROOT / "train.py", *sorted((ROOT / "examples").glob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_what_a_script_imports_of_the_package_is_there(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "tfmtl":
            module = importlib.import_module(node.module)
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_the_example_shows_what_is_said_of_a_few_rows_beside_what_is_true(tmp_path, monkeypatch, capsys):
    run = RunFolder(tmp_path / "tiny")
    run.path.joinpath("config.yaml").parent.mkdir()
    run.config.touch()
    rows = [
        {
            "task": "topic",
            "text": "first  text",
            "target": "a",
            "prediction": {"label": "b", "probabilities": {"a": 0.1}},
        },
        {"task": "title", "text": "first  text", "target": ["One"], "prediction": {"summary": "Two"}},
        {"task": "topic", "text": "second", "target": "b", "prediction": {"label": "b", "probabilities": {"a": 0.2}}},
        {"task": "topic", "text": "third", "target": "a", "prediction": {"label": "a", "probabilities": {"a": 0.9}}},
    ]
    run.answers("test").write_text("".join(json.dumps(row) + "\n" for row in rows))
    script = ROOT / "examples" / "show_predictions.py"
    monkeypatch.setattr(sys, "argv", [str(script), str(run.path), "2"])
    runpy.run_path(str(script), run_name="__main__")
    expected = ["", "first text", 'topic: "b"', '  true: "a"', 'title: "Two"', '  true: ["One"]']
    assert capsys.readouterr().out.splitlines() == [*expected, "", "third", 'topic: "a"', '  true: "a"']
