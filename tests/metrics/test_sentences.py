import pytest

from tfmtl.metrics.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One here. Two there! Three?", ["One here.", "Two there!", "Three?"]),
        ("Lines\n\nend   \n sentences", ["Lines", "end", "sentences"]),
        ("Some, e.g. these, stay. 3.5 stays too.", ["Some, e.g. these, stay.", "3.5 stays too."]),
        ('He said "No." (So did I.) Then we left.', ['He said "No."', "(So did I.)", "Then we left."]),
        ("你好。我说「是。」好！是？  完", ["你好。", "我说「是。」", "好！", "是？", "完"]),
        ("नमस्ते। दुनिया", ["नमस्ते।", "दुनिया"]),
        ("Wait... What", ["Wait...", "What"]),
        ("  \n", []),
        ("", []),
    ],
)
def test_rule(text, sentences):
    assert split_sentences(text) == sentences
