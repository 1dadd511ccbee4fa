"""What the documentation says is so: its examples, its links, its tables of keys."""

import ast
import re
from pathlib import Path

import pytest
import yaml

import tfmtl
from tfmtl.config.experiment import parse
from tfmtl.config.options import CacheOptions, EvaluationOptions, GenerationOptions, TrainingOptions

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path):
    prose = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)#:]+)\)", prose)
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_examples_use_names_that_there_are(path):
    for block in blocks(path, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "tfmtl":
                assert node.attr in tfmtl.__all__
            if isinstance(node, ast.ImportFrom) and node.module.startswith("tfmtl"):
                module = __import__(node.module, fromlist=["_"])
                assert all(hasattr(module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_configurations_are_yaml(path):
    for block in blocks(path, "yaml"):
        assert isinstance(yaml.safe_load(block), dict)


def test_the_experiment_of_the_readme_parses():
    (block,) = blocks(ROOT / "README.md", "yaml")
    assert [task.kind for task in parse(yaml.safe_load(block)).tasks.values()] == [
        "classification",
        "regression",
        "summarization",
    ]


@pytest.mark.parametrize(
    ("section", "prefix", "options"),
    [
        ("Training", "", TrainingOptions),
        ("Generation and evaluation", "generation.", GenerationOptions),
        ("Generation and evaluation", "evaluation.", EvaluationOptions),
        ("Cache", "cache.", CacheOptions),
    ],
)
def test_tables_of_keys_hold_every_key_with_its_default(section, prefix, options):
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    table = page.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    documented = dict(re.findall(rf"^\| `{prefix}(\w+)` \| `?([^|`]+)`? \|", table, re.MULTILINE))
    assert {key: yaml.safe_load(value) for key, value in documented.items()} == options().model_dump()
