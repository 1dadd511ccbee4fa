import ast
import configparser
import importlib.metadata
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import tfmtl

ROOT = Path(__file__).parent.parent
PYTHONS = ("3.11", "3.12", "3.13")
LOCKED_EXTRAS = ("serve", "test", "dev")


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def requirements(setup: configparser.ConfigParser, extras=LOCKED_EXTRAS) -> list[Requirement]:
    found = [Requirement(line) for line in lines(setup["options"]["install_requires"])]
    for extra in extras:
        found += [Requirement(line) for line in lines(setup["options.extras_require"][extra])]
    return [requirement for requirement in found if requirement.name != "tfmtl"]


def pins(python: str) -> dict[str, Version]:
    """The versions that the constraints give to one Python on Linux."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
    }
    found = {}
    for line in lines((ROOT / "constraints.txt").read_text(encoding="utf-8")):
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate(environment):
            assert pin.name not in found, f"two pins of {pin.name} for Python {python}"
            (specifier,) = pin.specifier
            assert specifier.operator == "==", line
            found[canonicalize_name(pin.name)] = Version(specifier.version)
    return found


@pytest.mark.parametrize("python", PYTHONS)
def test_constraints_satisfy_every_requirement(setup, python):
    pinned = pins(python)
    for requirement in requirements(setup):
        if requirement.marker is None or requirement.marker.evaluate({"python_version": python}):
            version = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{requirement} on Python {python}: {version}"


@pytest.mark.parametrize("python", PYTHONS)
def test_constraints_leave_torch_and_broken_releases_out(python):
    pinned = pins(python)
    assert not {"torch", "keras-nlp"} & pinned.keys()
    assert pinned["tensorflow-text"] != Version("2.21.0")
    assert pinned["tensorflow"].release[:2] == pinned["tensorflow-text"].release[:2]


def test_constraints_name_no_place():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|file:|index-url|find-links|@ ", text)


def test_supported_pythons_are_those_declared(setup):
    supported = SpecifierSet(setup["options"]["python_requires"])
    assert [minor for minor in range(8, 16) if f"3.{minor}" in supported] == [11, 12, 13]
    declared = re.findall(r"Python :: (3\.\d+)", setup["metadata"]["classifiers"])
    assert declared == list(PYTHONS)


def test_version_is_that_of_the_package(setup):
    assert setup["metadata"]["version"] == "attr: tfmtl.__version__"
    assert Version(tfmtl.__version__).release


def test_importing_the_package_imports_no_tensorflow():
    code = "import sys, tfmtl; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_every_import_is_declared(setup):
    declared = requirements(setup, setup.options("options.extras_require"))
    provided = {"tfmtl"}.union(
        sys.stdlib_module_names, *(provided_modules(requirement.name) for requirement in declared)
    )
    undeclared = {
        module: str(path.relative_to(ROOT))
        for path in (ROOT / "tfmtl").rglob("*.py")
        for module in imported_modules(path) - provided
    }
    assert not undeclared


def provided_modules(distribution: str) -> set[str]:
    """The top-level modules of a distribution; where it is not installed, its name is taken for its module's."""
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return {distribution.replace("-", "_")}
    return {file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py"}


def imported_modules(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names


def test_every_file_of_the_package_is_shipped(setup):
    shipped = lines(setup["options.package_data"]["tfmtl"])
    others = [path for path in (ROOT / "tfmtl").rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}]
    assert [path for path in others if not any(path.match(pattern) for pattern in shipped)] == []
    folders = {path.parent for path in (ROOT / "tfmtl").rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("target", ["quickstart", "test", "test-all", "lint", "format", "lock", "clean", "help"])
def test_makefile_has_the_target(target):
    dry = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True)
    assert dry.returncode == 0, dry.stderr
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    assert f"make {target} " in listed


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 127", "No Python 3.11-3.13 among: ./interpreter."),
        ('case "$2" in *ensurepip*) exit 1;; esac', "./interpreter lacks ensurepip"),
    ],
)
def test_makefile_says_why_there_is_no_environment(tmp_path, script, said):
    for name in ("Makefile", "setup.cfg", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    interpreter = tmp_path / "interpreter"
    interpreter.write_text(f"#!/bin/sh\n{script}\nexit 0\n")
    interpreter.chmod(0o755)
    variables = {key: value for key, value in os.environ.items() if key not in {"MAKEFLAGS", "MAKELEVEL", "VENV"}}
    made = subprocess.run(
        ["make", "test", "INTERPRETERS=./interpreter"], cwd=tmp_path, env=variables, capture_output=True, text=True
    )
    assert made.returncode == 2
    assert said in made.stderr.splitlines()[0]
    assert not (tmp_path / ".venv").exists()


def test_continuous_integration_runs_the_tests():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "make test"


def test_license_is_apache_2(setup):
    assert setup["metadata"]["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text and "END OF TERMS AND CONDITIONS" in text
