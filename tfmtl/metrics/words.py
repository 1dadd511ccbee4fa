"""The words of texts in any script, for metrics that compare words."""

import unicodedata
from collections.abc import Iterable
from functools import cache

import regex
from rouge_score.tokenizers import DefaultTokenizer, Tokenizer

_FEW = 0.005
"""The share of letters other than a-z up to which texts are left to `rouge_score`.

English has such letters in borrowed words and names; French, German and Spanish have far more of them.
"""
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""The scripts that put no spaces between words, as the content of a set of characters in a pattern of `regex`."""
_WORD = regex.compile(
    rf"[\p{{L}}\p{{N}}&&[{UNSPACED}]]\p{{M}}*|[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]+", regex.VERSION1
)
_LETTER = regex.compile(r"\p{L}")
_UNSPACED_LETTER = regex.compile(rf"[\p{{L}}&&[{UNSPACED}]]", regex.VERSION1)
_HAN, _KANA = regex.compile(r"\p{Han}"), regex.compile(r"[\p{Hiragana}\p{Katakana}]")
_CHINESE = 0.05
"""The share of kana up to which texts with Chinese characters are Chinese, not Japanese."""
_PLAIN_LETTER = regex.compile(r"[a-z]", regex.IGNORECASE | regex.ASCII)


class UnicodeWords(Tokenizer):
    """Words of letters, marks and digits of any script, without regard to case, and without a stemmer.

    A script that puts no spaces between words gives a word for each letter, together with its marks: Chinese,
    Japanese, Thai, Lao, Khmer and Burmese. Equivalent and compatible characters are the same (NFKC).
    """

    def tokenize(self, text: str) -> list[str]:
        return _WORD.findall(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()))


def words_of(references: Iterable[str]) -> str:
    """Returns the name of the words in which texts are compared with `references`: `rouge_score` or `unicode`.

    Those of `rouge_score` have only the letters a-z and digits. They are kept for references that hardly have other
    letters, so that scores of English texts are those of other publications.
    """
    letters = plain = 0
    for text in references:
        letters += len(_LETTER.findall(text))
        plain += len(_PLAIN_LETTER.findall(text))
    return "rouge_score" if letters - plain <= _FEW * letters else "unicode"


def spacing_of(texts: Iterable[str]) -> str:
    """Returns whether words of texts stand between spaces: `spaced`; or `chinese` or `unspaced` for other scripts."""
    letters = unspaced = han = kana = 0
    for text in texts:
        letters += len(_LETTER.findall(text))
        unspaced += len(_UNSPACED_LETTER.findall(text))
        han += len(_HAN.findall(text))
        kana += len(_KANA.findall(text))
    if 2 * unspaced <= letters:
        return "spaced"
    return "chinese" if 2 * han > unspaced and kana <= _CHINESE * unspaced else "unspaced"


@cache
def tokenizer(name: str) -> Tokenizer:
    """Returns the tokenizer of a name that `words_of` returned."""
    # The stemmer is that of English words.
    return DefaultTokenizer(use_stemmer=True) if name == "rouge_score" else UnicodeWords()
