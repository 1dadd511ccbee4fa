import pytest

from tfmtl.core.errors import ConfigurationError
from tfmtl.data.units import WORDS, Units
from tfmtl.data.units_by_task import units_by_task
from tfmtl.kinds import kind as kinds
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.kind import kind_named
from tfmtl.kinds.tagging.options import Tagging

SLOTS = Tagging(name="slots", source="s")
INTENT = Classification(name="intent", source="s", text="words")


def test_tasks_that_read_the_same_texts_read_them_by_the_same_units():
    elsewhere = Classification(name="elsewhere", source="t", text="words")
    title = Classification(name="title", source="s", text="title")
    pair = Classification(name="pair", source="s", text="words", text_pair="title")
    found = units_by_task([INTENT, SLOTS, elsewhere, title, pair])
    assert found == {"intent": WORDS, "slots": WORDS, "elsewhere": None, "title": None, "pair": None}


def test_two_ways_to_cut_a_text_do_not_fit(monkeypatch):
    other = type(kind_named("regression"))()
    monkeypatch.setattr(type(other), "units", Units("x"))
    task = kinds.KINDS.get("regression").options(name="length", source="s", text="words")
    with pytest.raises(ConfigurationError, match=r"tasks.length: regression and tagging cut a text in different ways"):
        units_by_task([SLOTS, task])
