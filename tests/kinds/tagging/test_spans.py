import random

import pytest

from tfmtl.kinds.tagging.spans import Span, spans_as_json, spans_of


def by_state(tags):
    """An independent reading of the rules: a machine that opens, extends and closes one span."""
    found, label, first, may_go_on = [], None, 0, False
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        goes_on = label is not None and may_go_on and prefix in ("I", "E") and name == label
        if label is not None and not goes_on:
            found.append((label, first, place))
            label = None
        if tag != "O" and not goes_on:
            label, first = name, place
        may_go_on = prefix in ("B", "I")
    return found


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("B-x I-x O B-y", [("x", 0, 2), ("y", 3, 4)]),
        ("B-x B-x", [("x", 0, 1), ("x", 1, 2)]),
        # As in IOB1, a span may begin with I.
        ("O I-x I-x I-y", [("x", 1, 3), ("y", 3, 4)]),
        ("B-x I-y", [("x", 0, 1), ("y", 1, 2)]),
        ("B-x E-x S-x I-x", [("x", 0, 2), ("x", 2, 3), ("x", 3, 4)]),
        ("NOUN O NOUN NOUN", [("NOUN", 0, 1), ("NOUN", 2, 3), ("NOUN", 3, 4)]),
        ("B I O", [("_", 0, 2)]),
        ("B-a-b I-a-b", [("a-b", 0, 2)]),
        ("", []),
    ],
)
def test_spans_are_those_of_the_rules(tags, spans):
    assert spans_of(tags.split()) == [Span(*span) for span in spans]


def test_random_tags_have_the_spans_of_a_second_reading_of_the_rules():
    generator = random.Random(0)
    known = ["O", "O", *(f"{prefix}-{label}" for prefix in "BIES" for label in ("x", "y"))]
    for _ in range(2000):
        tags = generator.choices(known, k=generator.randint(0, 9))
        assert spans_of(tags) == by_state(tags), tags


def test_offsets_are_in_characters_of_words_joined_by_one_space():
    text, tags = "  für\u3000Žofie   Müller \n 日本", ["O", "B-name", "I-name", "B-place"]
    found = spans_as_json(tags, text)
    assert found == [
        {"label": "name", "start": 4, "end": 16, "text": "Žofie Müller"},
        {"label": "place", "start": 17, "end": 19, "text": "日本"},
    ]
    assert ["für Žofie Müller 日本"[span["start"] : span["end"]] for span in found] == ["Žofie Müller", "日本"]
