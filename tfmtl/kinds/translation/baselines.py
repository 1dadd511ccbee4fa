"""Translations without a model: those of training rows."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors

from tfmtl.data.streams import Examples


def of_most_similar_text(train: Examples, targets: np.ndarray, asked: Examples) -> np.ndarray:
    """Returns the first reference of the training row with the most similar text, strings `[rows]`.

    Texts are compared by the cosine of their TF-IDF weights of sequences of three characters within words, which are
    defined in any script.

    Args:
        train: the rows of the training split.
        targets: their references, tuples `[training rows]`.
        asked: the rows to answer.
    """
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), sublinear_tf=True)
    known = NearestNeighbors(n_neighbors=1, metric="cosine").fit(vectorizer.fit_transform(train.text))
    nearest = known.kneighbors(vectorizer.transform(asked.text), return_distance=False)[:, 0]
    return np.array([targets[row][0] for row in nearest], object)
