import logging

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from tfmtl.config.options import GenerationOptions
from tfmtl.core.errors import RunError
from tfmtl.data.packing import Packing
from tfmtl.generation.batch_reader import BatchReader, answer_split
from tfmtl.generation.reader import Reader
from tfmtl.training.validation_scorer import ValidationScorer, check_finite, warn_of_one_answer


@pytest.fixture(scope="module")
def answering(model, data):
    # A copy, because measuring a model also sets the temperatures of its heads.
    copy, packing = model.copy(), Packing(48)
    reader = Reader(copy, data.tasks, data.tokenizer, packing, GenerationOptions(beams=1, no_repeat_ngram=0))
    return BatchReader(reader, batch_size=8)


@pytest.fixture(scope="module")
def scored(answering, data):
    scorer = ValidationScorer(answering, data.streams, generate_examples=3)
    return scorer, *scorer()


def test_the_score_is_the_mean_of_the_tasks_primary_metrics(scored, data):
    _, score, scores = scored
    assert set(scores) == set(data.tasks)
    primary = [max(0.0, scores[name][task.primary]) for name, task in data.tasks.items()]
    assert score == pytest.approx(np.mean(primary))


def test_heads_are_measured_on_all_labelled_rows(scored, answering, data):
    _, _, scores = scored
    answers = answer_split(answering, data.streams, "validation")
    for stream in data.streams:
        targets = stream.splits["validation"].targets
        for name in {"topic", "same"} & set(targets):
            labelled = targets[name] >= 0
            expected = accuracy_score(targets[name][labelled], answers[name]["probabilities"][labelled].argmax(axis=1))
            assert scores[name]["accuracy"] == pytest.approx(expected)


def test_the_answers_of_heads_are_drawn(scored, answering):
    scorer, _, _ = scored
    names = {"confusion/topic", "reliability/topic", "confusion/same", "reliability/same", "scatter/stars"}
    assert set(scorer.figures()) == names
    head = answering.reader.model.network.layers.heads["topic"]
    assert head.temperature.numpy() != 1.0


def test_the_first_summaries_are_generated_and_shown(scored, data):
    scorer, _, scores = scored
    examples = data.streams[0].splits["validation"]
    rows = [row for row, references in enumerate(examples.targets["title"]) if references][:3]
    samples = scorer.samples()["title"]
    assert [(text, reference) for text, reference, _ in samples] == [
        (examples.text[row], examples.targets["title"][row][0]) for row in rows
    ]
    assert 0.0 <= scores["title"]["rougeL"] <= 1.0


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([b"cats"] * 8, ["task 'topic': all 8 validation rows have the same answer: 'cats'"]),
        ([b"cats"] * 7 + [b"dogs"], []),
        ([b"cats"] * 7, []),
        ([b""] * 9, ["task 'topic': all 9 validation rows are left without an answer"]),
    ],
)
def test_the_same_answer_for_all_rows_is_told(data, caplog, answers, expected):
    with caplog.at_level(logging.WARNING, "tfmtl"):
        warn_of_one_answer(data.tasks["topic"], answers)
    assert caplog.messages == expected


def test_answers_that_are_not_finite_end_the_training_with_one_line(data):
    targets, logits = np.array([0, 1, -1]), np.zeros([3, 2], np.float32)
    # Of the last row nothing is known.
    logits[1:] = np.nan
    with pytest.raises(RunError, match=r"^task 'topic': 1 of 2 answers are not finite numbers: .*learning_rate'$"):
        check_finite(data.tasks["topic"], targets, {"label": np.array(["a"] * 3, object), "logits": logits})
    check_finite(data.tasks["topic"], targets[[0, 2]], {"logits": logits[[0, 2]]})
