"""Writes `docs/registry.md`, the tables of all that a configuration can name, from the registries."""

from pathlib import Path

from tfmtl.config.catalogue import as_markdown

if __name__ == "__main__":
    (Path(__file__).parent / "registry.md").write_text(as_markdown(), encoding="utf-8")
