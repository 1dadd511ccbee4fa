"""Baselines of a tagging task without a network: the usual tag of each word, and a linear model of its neighbours."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import SGDClassifier

from tfmtl.data.streams import Examples
from tfmtl.kinds.kind import Answer
from tfmtl.kinds.tagging.options import Tagging
from tfmtl.kinds.tagging.targets import padded


def baselines(task: Tagging, train: Examples, asked: Examples) -> dict[str, Answer]:
    """Returns the answers of `most_frequent` and `linear_svm`.

    `most_frequent` gives a word the tag that it has most often in the training rows, and a new word the most frequent
    tag of all. `linear_svm` is a linear support vector machine, trained by stochastic gradient descent, of a word, its
    last letters and the two words on each side.
    """
    known, targets = [text.split() for text in train.text], train.targets[task.name]
    words = [text.split() for text in asked.text]
    return {
        "most_frequent": {"tags": padded(_most_frequent(known, targets, words))},
        "linear_svm": {"tags": padded(_linear(known, targets, words))},
    }


def _most_frequent(known: Sequence[list[str]], targets, asked: Sequence[list[str]]) -> list[list[str]]:
    counts: dict[str, Counter] = defaultdict(Counter)
    for words, tags in zip(known, targets, strict=True):
        for word, tag in zip(words, tags, strict=True):
            counts[word][tag] += 1
    usual = sum(counts.values(), Counter()).most_common(1)[0][0]
    best = {word: of_word.most_common(1)[0][0] for word, of_word in counts.items()}
    return [[best.get(word, usual) for word in words] for words in asked]


def _linear(known: Sequence[list[str]], targets, asked: Sequence[list[str]]) -> list[list[str]]:
    hasher = FeatureHasher(input_type="string", alternate_sign=False)
    model = SGDClassifier(alpha=1e-5, max_iter=20, random_state=0)
    model.fit(hasher.transform(_features(known)), [tag for tags in targets for tag in tags])
    found = iter(model.predict(hasher.transform(_features(asked))) if any(asked) else ())
    return [[str(next(found)) for _ in words] for words in asked]


def _features(texts: Sequence[list[str]]) -> Iterator[list[str]]:
    """Yields the features of each word of texts."""
    for words in texts:
        around = ["<<", "<", *words, ">", ">>"]
        for place, word in enumerate(words, start=2):
            near = [f"{shift}:{around[place + shift]}" for shift in range(-2, 3)]
            pairs = [f"pair {around[place - 1]} {word}", f"pair {word} {around[place + 1]}"]
            yield [*near, *pairs, f"end:{word[-3:]}", f"shape:{word[:1].isupper()}{word.isdigit()}"]
