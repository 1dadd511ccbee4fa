import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kinds.made_up import objects
from tests.kinds.question_answering.test_head import STATES, TOKENS, made
from tests.kinds.question_answering.test_metrics import by_the_rules
from tfmtl.generation.batch_reader import as_arrays
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.question_answering.decision import best_threshold, decided
from tfmtl.kinds.question_answering.options import QuestionAnswering
from tfmtl.kinds.question_answering.targets import NO_ANSWER, TrueAnswer
from tfmtl.models.layers.tokens import MASKED_SCORE

rows = st.lists(st.tuples(st.integers(-6, 6), st.sampled_from([-1.0, -0.5, 0.0, 0.4, 1.0])), max_size=12)


def total(margins, gains, threshold):
    return sum(gain for margin, gain in zip(margins, gains, strict=True) if margin < threshold)


@settings(max_examples=300, deadline=None)
@given(rows)
def test_no_other_threshold_is_better(found):
    margins, gains = np.float32([margin / 3 for margin, _ in found]), np.array([gain for _, gain in found])
    threshold = np.float32(best_threshold(margins, gains))
    others = [total(margins, gains, np.float32(other)) for other in np.arange(-2.5, 2.51, 1 / 12)]
    assert total(margins, gains, threshold) == pytest.approx(max(others))
    if total(margins, gains, 0.0) == pytest.approx(max(others)):
        assert threshold == 0.0


def of_squad(margins, spans, targets):
    """The best F1 by the published rule of SQuAD 2.0, `find_best_thresh`: rows are answered from the surest one on."""
    score = best = sum(target == [] for target in targets)
    for row in sorted(range(len(margins)), key=lambda row: margins[row]):
        if targets[row]:
            score += by_the_rules(targets[row], spans[row])[0]
        elif spans[row]:
            score -= 1
        best = max(best, score)
    return best / len(margins)


@pytest.mark.parametrize("seed", range(5))
def test_the_calibrated_f1_is_that_of_the_official_rule(seed):
    generator = np.random.default_rng(seed)
    words = ["Rome", "New York", "the house", "is it"]
    targets = [[] if generator.random() < 0.4 else [str(generator.choice(words))] for _ in range(40)]
    spans = [str(generator.choice([*true, generator.choice(words)])) for true in targets]
    likelihoods, none = (-generator.exponential(2.0, 40).astype(np.float32) for _ in range(2))
    task = QuestionAnswering(name="reply", source="s")
    head = built()
    answer = as_arrays(decided(best(spans), tf.constant(likelihoods), tf.constant(none), head.threshold))
    true = objects([tuple(TrueAnswer(text, 0) for text in texts) or (NO_ANSWER,) for texts in targets])
    again = kind_of(task).calibrate(task, head, true, answer)
    scores = [by_the_rules(*pair)[0] for pair in zip(targets, again["answer"], strict=True)]
    assert np.mean(scores) == pytest.approx(of_squad(none - likelihoods, spans, targets))
    is_answered = none - likelihoods < head.threshold.numpy()
    assert again["answer"].tolist() == [span if said else "" for span, said in zip(spans, is_answered, strict=True)]
    assert again["end"].tolist() == [len(span) if said else 0 for span, said in zip(spans, is_answered, strict=True)]
    np.testing.assert_allclose(again["score"], np.exp(np.where(is_answered, likelihoods, none)), rtol=1e-6)


def best(spans):
    lengths = np.int32([len(span) for span in spans])
    return {"answer": tf.constant(spans), "start": tf.zeros_like(lengths), "end": tf.constant(lengths)}


def built():
    head = made()
    head(STATES, TOKENS)
    return head


def test_rows_without_a_target_or_a_possible_span_choose_nothing():
    likelihoods, none = tf.constant([-3.0, MASKED_SCORE, -1.0]), tf.constant([-1.0, -0.1, -1.5])
    task, head = QuestionAnswering(name="reply", source="s"), built()
    answer = as_arrays(decided(best(["Rome", "", "Oslo"]), likelihoods, none, head.threshold))
    assert answer["answer"].tolist() == ["", "", "Oslo"]
    targets = objects([(TrueAnswer("Rome", 0),), (TrueAnswer("Rome", 0),), ()])
    again = kind_of(task).calibrate(task, head, targets, answer)
    # Just beyond the only margin that counts.
    assert head.threshold.numpy() == np.nextafter(np.float32(2.0), np.float32(3.0))
    assert again["answer"].tolist() == ["Rome", "", "Oslo"]
    kind_of(task).calibrate(task, head, objects([(), (), ()]), answer)
    assert head.threshold.numpy() == 0.0


def test_exact_match_has_a_threshold_of_its_own():
    likelihoods, none = tf.constant([-1.0, -1.0]), tf.constant([-3.0, -2.0])
    targets = objects([(TrueAnswer("New York", 0),), (NO_ANSWER,)])
    spans = best(["York", "Oslo"])
    for primary, expected in (("f1", -1.5), ("exact_match", -2.0)):
        task, head = QuestionAnswering(name="reply", source="s", primary=primary), built()
        answer = as_arrays(decided(spans, likelihoods, none, head.threshold))
        kind_of(task).calibrate(task, head, targets, answer)
        assert head.threshold.numpy() == pytest.approx(expected), primary
