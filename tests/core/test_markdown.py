"""Tables keep their columns whatever stands in a cell."""

from tfmtl.core.markdown import plain, table


def test_a_table_has_a_line_for_its_header_its_rule_and_each_row():
    assert table(["task", "value"], [["subject", "**0.9**"], ["title", "0.2"]]) == [
        "| task | value |",
        "| --- | --- |",
        "| subject | **0.9** |",
        "| title | 0.2 |",
    ]


def test_foreign_text_stays_in_its_cell_and_is_shown_as_it_is():
    assert plain("a | b\nand <b>*c*</b>") == r"a \| b and \<b\>\*c\*\</b\>"
    assert plain("snake_case _stressed_") == r"snake_case \_stressed\_"


def test_of_a_long_text_there_is_the_start():
    assert plain("one two three", longest=8) == "one two…"
    assert plain("one two", longest=7) == "one two"
