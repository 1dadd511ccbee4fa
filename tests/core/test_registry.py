import sys

import pytest
from pydantic import ValidationError

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import KINDS, METRICS, PRESETS, SOURCES, Options, Registry


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry over a package on disk whose one module registers `alpha`."""
    package = tmp_path / "shapes_for_test"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from tfmtl.core.registry import Registry\nSHAPES = Registry('shape', __name__)\n"
    )
    module = """from shapes_for_test import SHAPES

@SHAPES.register("alpha")
def alpha():
    '''First line.

    More.
    '''
"""
    (package / "alpha.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    import shapes_for_test

    yield shapes_for_test.SHAPES
    for name in [name for name in sys.modules if name.startswith("shapes_for_test")]:
        del sys.modules[name]


def test_modules_of_the_package_are_imported_at_the_first_lookup_only(registry):
    assert "shapes_for_test.alpha" not in sys.modules
    assert registry.get("alpha").name == "alpha"
    assert "shapes_for_test.alpha" in sys.modules


def test_the_summary_is_the_first_line_of_the_docstring(registry):
    assert registry.get("alpha").summary == "First line."


def test_entries_come_sorted(registry):
    registry.register("beta")(test_entries_come_sorted)
    registry.register("aaa")(test_entries_come_sorted)
    assert [entry.name for entry in registry] == ["aaa", "alpha", "beta"]


def test_an_unknown_name_is_answered_with_the_nearest(registry):
    with pytest.raises(ConfigurationError, match=r"^unknown shape 'alpa'; did you mean 'alpha'\? \(known: alpha\)$"):
        registry.get("alpa")


def test_two_modules_cannot_take_one_name(registry):
    registry.get("alpha")
    with pytest.raises(ValueError, match="two shapes are named 'alpha'"):
        registry.register("alpha")(test_two_modules_cannot_take_one_name)


def test_a_class_of_options_is_its_own_options():
    class Size(Options):
        width: int = 1

    registry = Registry("size", "tfmtl.config.presets")
    registry.register("size")(Size)
    assert registry.get("size").options is Size


def test_options_refuse_unknown_keys_and_changes():
    class Size(Options):
        width: int = 1

    with pytest.raises(ValidationError):
        Size(height=2)
    with pytest.raises(ValidationError):
        Size().width = 3


@pytest.mark.parametrize("registry", [SOURCES, PRESETS, KINDS, METRICS], ids=lambda registry: registry.noun)
def test_every_entry_says_what_it_is_in_one_line(registry):
    for entry in registry:
        assert 10 < len(entry.summary) <= 120, entry.name
