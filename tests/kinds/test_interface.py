"""Kinds are plug-ins: nothing else knows one by its name, and everything imports in one direction."""

import ast
import configparser
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tfmtl.core.registry import KINDS
from tfmtl.kinds.kind import Kind, kind_named

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tfmtl"
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}

NAMES = [entry.name for entry in KINDS]
CLASSES = {cls.__name__ for entry in KINDS for cls in (entry.build, entry.options)}
ANSWERED = [entry.name for entry in KINDS if entry.options.is_answered]

KNOW_KINDS = ("kinds/", "config/presets/", "api/tutorial.py")
"""What may name kinds: themselves, sections of configurations, and the plain path of one label and one summary."""

NAMED = {
    "balancing/methods/uncertainty.py": "its option `form` has the names that the paper gives to two forms of a loss",
}
"""Modules in which a text has the name of a kind and means something else, with the reason."""

ORDER = (
    *("core", "kinds", "config", "data", "models", "generation", "balancing", "metrics", "runs", "training"),
    *("adaptation", "reports", "serving", "api", "cli"),
)
"""The folders and modules of the package: each imports only from those before it, or from itself."""

PLUG = ("tfmtl.kinds.kind", "tfmtl.kinds.task")
"""What all may import of kinds; kinds themselves import from wherever their methods are called."""

OPTIONS_MAY_IMPORT = ("tfmtl.kinds.task", "tfmtl.kinds.written_task", "tfmtl.kinds.labels")
"""What the options of kinds may import beside `core`."""

UPWARD: dict[tuple[str, str], str] = {}
"""Imports against the order, module and imported, with the reason."""


SAMPLE = '''
"""About denoising."""
import a.b
from tfmtl.kinds import regression
if TYPE_CHECKING:
    import never
else:
    import c
try:
    import d
except ImportError:
    import e

class A:
    """More."""
    import f

    def g(self):
        import h
        return f"no {self} task"
'''


def trees(*left_out: str) -> Iterator[tuple[str, ast.Module]]:
    for name, path in MODULES.items():
        if not name.startswith(left_out):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def imported(node: ast.AST) -> list[str]:
    """The modules that a statement imports; of `from a import b` both `a` and `a.b`, as `b` may be a module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "a relative import"
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def texts(tree: ast.Module) -> Iterator[str]:
    """All texts of a module but its docstrings, which are statements of their own."""
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.value


def run_at_import(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported: not those of functions, nor those for type checkers."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield statement
        body = getattr(statement, "body", [])
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            body = []
        for part in (body, getattr(statement, "orelse", []), getattr(statement, "finalbody", [])):
            yield from run_at_import(part)
        for handler in getattr(statement, "handlers", []):
            yield from run_at_import(handler.body)


def folder_of(module: str) -> str:
    return module.split(".")[1]


def test_the_scan_sees_what_it_looks_for():
    tree = ast.parse(SAMPLE)
    assert list(texts(tree)) == ["no ", " task"]
    found = [name for statement in run_at_import(tree.body) for name in imported(statement)]
    assert found == ["a.b", "tfmtl.kinds", "tfmtl.kinds.regression", "c", "d", "e", "f"]
    assert {"tfmtl/kinds", "tfmtl/config"} <= {str(path.parent.relative_to(ROOT)) for path in MODULES.values()}


def test_no_module_beside_the_kinds_imports_one():
    folders = [f"tfmtl.kinds.{name}" for name in NAMES]
    found = {
        (name, module)
        for name, tree in trees(*KNOW_KINDS)
        for node in ast.walk(tree)
        for module in imported(node)
        if any(module == folder or module.startswith(f"{folder}.") for folder in folders)
    }
    assert not found


def test_no_module_beside_the_kinds_knows_one_by_its_name():
    word = re.compile(rf"\b({'|'.join(NAMES)})(?![a-z])", re.IGNORECASE)
    found = {name: text for name, tree in trees(*KNOW_KINDS) for text in texts(tree) if word.search(text)}
    assert {name: text for name, text in found.items() if name not in NAMED} == {}
    assert NAMED.keys() <= found.keys(), "an exception that is none any more"


def test_no_module_beside_the_kinds_knows_one_by_its_class():
    found = {
        (name, node.lineno)
        for name, tree in trees(*KNOW_KINDS)
        for node in ast.walk(tree)
        if {getattr(node, "id", None), getattr(node, "attr", None)} & CLASSES
        or {imported_name for module in imported(node) for imported_name in module.split(".")} & CLASSES
    }
    assert not found


def test_imports_go_in_one_direction():
    assert {name.partition("/")[0].removesuffix(".py") for name in MODULES} == {*ORDER, "__init__"}
    found = set()
    for name, tree in trees("kinds/", "__init__.py"):
        own = ORDER.index(name.partition("/")[0].removesuffix(".py"))
        for statement in run_at_import(tree.body):
            for module in imported(statement)[:1]:
                if module.startswith("tfmtl.") and module not in PLUG and ORDER.index(folder_of(module)) > own:
                    found.add((name, module))
    assert found - UPWARD.keys() == set()
    assert UPWARD.keys() <= found, "an exception that is none any more"


def test_other_folders_import_of_kinds_the_interface_alone():
    found = {
        (name, module)
        for name, tree in trees("kinds/", "config/presets/", "api/tutorial.py")
        for statement in run_at_import(tree.body)
        for module in imported(statement)[:1]
        if module.startswith("tfmtl.kinds") and module not in PLUG
    }
    assert not found


def test_what_a_configuration_needs_of_kinds_imports_nothing_of_the_rest():
    """Tasks and their options stand right behind `core`."""
    options = [
        "kinds/task.py",
        "kinds/written_task.py",
        "kinds/labels.py",
        *(f"kinds/{name}/options.py" for name in NAMES),
    ]
    for name in options:
        tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
        for statement in run_at_import(tree.body):
            for module in imported(statement)[:1]:
                if module.startswith("tfmtl."):
                    assert folder_of(module) == "core" or module in OPTIONS_MAY_IMPORT, name


def test_of_two_kinds_neither_imports_the_other():
    for name, tree in trees():
        if name.startswith("kinds/") and name.count("/") == 2:
            own = name.split("/")[1]
            for node in ast.walk(tree):
                for module in imported(node):
                    others = [f"tfmtl.kinds.{other}" for other in NAMES if other != own]
                    assert not module.startswith(tuple(others)), name


@pytest.mark.parametrize("name", NAMES)
def test_a_kind_is_registered_with_the_options_of_its_tasks(name):
    entry = KINDS.get(name)
    assert isinstance(kind_named(name), Kind)
    assert entry.options.kind == name
    assert entry.build.__module__ == f"tfmtl.kinds.{name}.kind"
    assert entry.summary


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_named_so_that_no_client_takes_them_for_something_else(name):
    kind = kind_named(name)
    # TensorFlow Serving's REST interface encodes outputs of such a name in base64.
    assert not [suffix for suffix in kind.outputs if f"_{suffix}".endswith("_bytes")]
    assert all(re.fullmatch("[a-z][a-z0-9_]*", suffix) for suffix in kind.outputs)
    assert len(set(kind.outputs)) == len(kind.outputs)
    assert bool(kind.outputs) == bool(kind.predicts) == (name in ANSWERED)


@pytest.mark.parametrize("name", ANSWERED)
def test_the_page_of_a_kind_ships_and_is_an_expression(name):
    path = PACKAGE / "kinds" / name / "page.js"
    script = kind_named(name).page_script
    assert script == path.read_text(encoding="utf-8")
    assert script.startswith("(parent, task, answer, name) => ") and "</" not in script
    assert not script.rstrip().endswith(";")
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = setup["options.package_data"]["tfmtl"].split()
    assert any(path.relative_to(PACKAGE).match(pattern) for pattern in patterns)


def made_up(name):
    """A task of a kind with targets and an answer, which each kind's own tests have."""
    return importlib.import_module(f"tests.kinds.{name}.made_up")


@pytest.mark.parametrize("name", ANSWERED)
def test_answers_are_read_as_they_were_written(name):
    kind, made = kind_named(name), made_up(name)
    rows = range(len(made.TARGETS))
    labels = kind.label_set(made.TASK)
    texts = getattr(made, "TEXTS", ["a text"] * len(rows))
    written = json.loads(json.dumps([kind.as_json(made.ANSWER, row, labels, texts[row]) for row in rows]))
    read = kind.from_json(made.TASK, written)
    assert tuple(read) == kind.outputs
    for suffix, values in made.ANSWER.items():
        np.testing.assert_array_equal(read[suffix], values)
        assert (read[suffix].dtype, read[suffix].shape) == (values.dtype, values.shape)
    again = [kind.as_json(read, row, labels, texts[row]) for row in rows]
    assert again == written


@pytest.mark.parametrize("name", ANSWERED)
def test_targets_are_read_as_they_were_written(name):
    kind, made = kind_named(name), made_up(name)
    written = json.loads(json.dumps([kind.target_as_json(made.TASK, target) for target in made.TARGETS]))
    read = kind.targets_from_json(made.TASK, written)
    assert len(read) == len(made.TARGETS)
    assert all(np.array_equal(one, other) for one, other in zip(read, made.TARGETS, strict=True))
    assert getattr(read, "dtype", made.TARGETS.dtype) == made.TARGETS.dtype


@pytest.mark.parametrize("name", ANSWERED)
def test_no_answers_are_read_as_none(name):
    kind, made = kind_named(name), made_up(name)
    for suffix, values in kind.from_json(made.TASK, []).items():
        assert len(values) == 0 and values.ndim == made.ANSWER[suffix].ndim
    assert len(kind.targets_from_json(made.TASK, [])) == 0


@pytest.mark.parametrize("name", ANSWERED)
def test_what_metrics_read_has_a_row_for_each_answer(name):
    kind, made = kind_named(name), made_up(name)
    assert len(kind.predictions(made.ANSWER)) == len(made.TARGETS)
