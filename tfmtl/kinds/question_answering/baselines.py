"""Baselines of a question answering task without a network."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from tfmtl.data.streams import Examples
from tfmtl.kinds.kind import Answer
from tfmtl.kinds.question_answering.options import QuestionAnswering
from tfmtl.metrics.sentences import split_sentences


def baselines(task: QuestionAnswering, train: Examples, asked: Examples) -> dict[str, Answer]:
    """Returns the answers of `no_answer`, and of `nearest_sentence`.

    `nearest_sentence` answers with the sentence of the context whose TF-IDF weights have the largest cosine with those
    of the question.
    """
    vectorizer = TfidfVectorizer(sublinear_tf=True).fit([*train.text, *train.text_pair])
    found = [_nearest(vectorizer, *pair) for pair in zip(asked.text, asked.text_pair, strict=True)]
    texts = {"no_answer": [("", 0, 1.0)] * len(asked), "nearest_sentence": found}
    return {name: _answer(of_system) for name, of_system in texts.items()}


def _nearest(vectorizer: TfidfVectorizer, question: str, context: str) -> tuple[str, int, float]:
    sentences = split_sentences(context)
    if not sentences:
        return "", 0, 1.0
    likeness = (vectorizer.transform(sentences) @ vectorizer.transform([question]).T).toarray()[:, 0]
    best = sentences[int(np.argmax(likeness))]
    return best, context.find(best), float(likeness.max())


def _answer(rows: list[tuple[str, int, float]]) -> Answer:
    texts = np.array([text for text, _, _ in rows], object)
    starts = np.array([start for _, start, _ in rows], np.int32)
    ends = starts + np.array([len(text) for text, _, _ in rows], np.int32)
    return {"answer": texts, "start": starts, "end": ends, "score": np.array([s for *_, s in rows], np.float32)}
