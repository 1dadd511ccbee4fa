import pytest

from tfmtl.reports import fonts
from tfmtl.reports.fonts import USUAL, drawable


@pytest.fixture
def installed(monkeypatch):
    """Sets the fonts that are installed beside the usual one, with their characters."""
    usual = fonts._characters(USUAL)

    def installed(**others):
        monkeypatch.setattr(fonts, "_installed", lambda: [USUAL, *others])
        monkeypatch.setattr(fonts, "_characters", lambda family: usual if family == USUAL else set(others[family]))

    return installed


def test_labels_that_the_usual_font_has_stay(installed):
    installed()
    assert drawable(["refund", "été", "Заказ отменён", "Ελλάδα"]) == (
        ["refund", "été", "Заказ отменён", "Ελλάδα"],
        [USUAL],
    )


def test_a_label_that_no_font_has_is_a_number(installed):
    installed()
    assert drawable(["refund", "退款", "a 问"]) == (["refund", "#2", "#3"], [USUAL])


def test_fonts_are_added_until_all_characters_are_there(installed):
    installed(Empty="", Chinese="退款问", Hindi="\u0928\u092e")
    assert drawable(["退款", "x"]) == (["退款", "x"], [USUAL, "Chinese"])
    assert drawable(["退款", "\u0928", "\u0e01"]) == (["退款", "\u0928", "#3"], [USUAL, "Chinese", "Hindi"])


def test_a_font_of_placeholders_is_none():
    assert not [family for family in fonts._installed() if "\U000f0000" in fonts._characters(family)]
