"""Writes the tables of what a configuration can name: `docs/registry.md`, and the families in `docs/pretrained.md`."""

import re
from pathlib import Path

from tfmtl.config.catalogue import as_markdown
from tfmtl.models.pretrained import families

DOCS = Path(__file__).parent
FAMILIES = re.compile(r"(?<=<!-- families -->\n).*(?=\n<!-- end of families -->)", re.DOTALL)

if __name__ == "__main__":
    (DOCS / "registry.md").write_text(as_markdown(), encoding="utf-8")
    page = DOCS / "pretrained.md"
    table = families.as_markdown()
    page.write_text(FAMILIES.sub(lambda _: table, page.read_text(encoding="utf-8")), encoding="utf-8")
