"""Fonts for labels of any script."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from matplotlib.font_manager import fontManager, get_font

USUAL = "DejaVu Sans"
"""The font that comes with matplotlib: Latin, Greek, Cyrillic, Arabic and more, but neither Chinese nor Hindi."""


def drawable(labels: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns what can be drawn in place of each label, and the fonts to draw it with, in order.

    A label with a character that no installed font has is replaced by its number, such as `#3`, because it would be
    drawn as empty boxes.

    Args:
        labels: the labels.
    """
    families, missing = _families(set("".join(labels)))
    names = [f"#{number}" if set(label) & missing else label for number, label in enumerate(labels, start=1)]
    return names, families


def _families(characters: set[str]) -> tuple[list[str], set[str]]:
    """Returns fonts that together have as many of the characters as can be, and the characters that none has."""
    families, missing = [USUAL], {character for character in characters if not character.isspace()}
    missing -= _characters(USUAL)
    for family in _installed() if missing else ():
        found = missing & _characters(family)
        if found:
            families.append(family)
            missing -= found
    return families, missing


def _installed() -> Iterable[str]:
    return sorted(_files())


@cache
def _files() -> Mapping[str, str]:
    """Returns the file of each installed font in its regular style."""
    regular = (font for font in fontManager.ttflist if font.style == "normal" and font.weight == 400)
    # Its glyphs only say which script a character belongs to.
    return {font.name: font.fname for font in regular if not font.name.startswith("Last Resort")}


@cache
def _characters(family: str) -> frozenset[str]:
    return frozenset(map(chr, get_font(_files()[family]).get_charmap())) if family in _files() else frozenset()
