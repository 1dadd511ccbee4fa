import pytest

from tfmtl.metrics.words import UnicodeWords, spacing_of, tokenizer, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Заказ 12 Отменён!", ["заказ", "12", "отменён"]),
        ("Été à Noël", ["été", "à", "noël"]),
        # The same letters, once with marks of their own.
        ("e\u0301te\u0301", ["été"]),
        ("Straße", ["strasse"]),
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया"]),
        ("مرحبا بالعالم", ["مرحبا", "بالعالم"]),
        ("한국어 단어", ["한국어", "단어"]),
        # Letters are words where no spaces are, with their marks.
        ("退款，12问题", ["退", "款", "12", "问", "题"]),
        ("アイス", ["ア", "イ", "ス"]),
        ("ที่ดี", ["ที่", "ดี"]),
        ("don't _x_", ["don", "t", "x"]),
        ("", []),
    ],
)
def test_words_of_any_script(text, words):
    assert UnicodeWords().tokenize(text) == words


def test_references_in_english_are_compared_in_the_words_of_rouge_score():
    english = ["The café closes early today, but all other shops of this town stay open."] + [
        "Nothing else is new."
    ] * 20
    assert words_of(english) == words_of([""]) == words_of(["12 - 13"]) == "rouge_score"
    assert tokenizer("rouge_score").tokenize("Trained models") == ["train", "model"]


@pytest.mark.parametrize("text", ["Où est la forêt ?", "Die Tür ist grün.", "退款问题", "Заказ", "ok, заказ 12"])
def test_other_references_are_compared_in_words_of_any_script(text):
    assert words_of([text]) == "unicode"
    assert tokenizer("unicode").tokenize("Trained models") == ["trained", "models"]


@pytest.mark.parametrize(
    ("texts", "spacing"),
    [
        (["Где заказ?", "12"], "spaced"),
        (["한국어 단어"], "spaced"),
        (["退款 A"], "chinese"),
        # A few names in kana do not make Chinese Japanese.
        (["退款问题已经解决了" * 5, "アイ"], "chinese"),
        (["東京に住む"], "unspaced"),
        (["ที่ดี"], "unspaced"),
        (["order 退款"], "spaced"),
        ([""], "spaced"),
    ],
)
def test_spaces_between_words(texts, spacing):
    assert spacing_of(texts) == spacing
