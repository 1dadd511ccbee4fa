from tests.kinds.made_up import examples, objects
from tfmtl.kinds.translation.baselines import of_most_similar_text
from tfmtl.kinds.translation.options import Translation

TASK = Translation(name="german", source="s")


def test_the_translation_of_the_most_similar_text_is_taken():
    train = examples(
        TASK,
        ["a black dog runs", "two children play", "собака бежит"],
        objects([("ein schwarzer Hund rennt", "other"), ("zwei Kinder spielen",), ("ein Hund rennt",)]),
    )
    asked = examples(TASK, ["children are playing", "the dog is running", "собаки"], objects([("x",)] * 3))
    found = of_most_similar_text(train, train.targets["german"], asked)
    assert found.tolist() == ["zwei Kinder spielen", "ein schwarzer Hund rennt", "ein Hund rennt"]
