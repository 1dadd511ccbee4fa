import numpy as np
import pytest
import tensorflow as tf

from tfmtl.generation.beam import beam_search
from tfmtl.generation.greedy import greedy_search

PAD, START, END = 0, 1, 2


def score(total, length, alpha):
    return total / ((5 + length) / 6) ** alpha


def plain_beam(model, row, options):
    """Textbook beam search: ended hypotheses among the best `beams` are set aside; stops early where it is to."""
    running, ended = [((), 0.0)], []
    for length in range(1, options.max_length + 1):
        candidates = []
        for pieces, total in running:
            scores = model.next(row, pieces)
            for piece in range(END, len(scores)):
                if piece != END or length > options.min_length:
                    candidates.append(((*pieces, piece), total + float(scores[piece])))
        candidates.sort(key=lambda candidate: -candidate[1])
        ended += [candidate for candidate in candidates[: options.beams] if candidate[0][-1] == END]
        running = [candidate for candidate in candidates if candidate[0][-1] != END][: options.beams]
        reached = [score(total, len(pieces), options.length_penalty) for pieces, total in ended]
        if (
            options.early_stopping
            and reached
            and score(running[0][1], length + 1, options.length_penalty) <= max(reached)
        ):
            break
    best = max(ended, key=lambda pair: score(pair[1], len(pair[0]), options.length_penalty)) if ended else running[0]
    return best[0]


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 2.0])
def test_with_all_beams_it_finds_the_best_of_all_sequences(history_model, search_options, written, alpha):
    model, length = history_model(vocabulary=6), 4
    options = search_options(beams=4**length, length_penalty=alpha, max_length=length, early_stopping=False)
    result = beam_search(model.step, *model.states(tf.range(8)), options)
    for row, (pieces, total) in enumerate(zip(written(result), result.log_probabilities.numpy(), strict=True)):
        scores = {found: score(model.total(row, found), len(found), alpha) for found in model.all_sequences(length)}
        assert pieces == max(scores, key=scores.get)
        np.testing.assert_allclose(score(total, len(pieces), alpha), scores[pieces], rtol=1e-5)


@pytest.mark.parametrize("beams", [2, 3, 5])
@pytest.mark.parametrize("alpha", [0.0, 1.0, 3.0])
@pytest.mark.parametrize(("min_length", "early_stopping"), [(0, True), (0, False), (4, True)])
def test_equals_a_plain_loop(history_model, search_options, written, beams, alpha, min_length, early_stopping):
    model = history_model(vocabulary=9, seed=beams)
    options = search_options(
        beams=beams, length_penalty=alpha, min_length=min_length, max_length=8, early_stopping=early_stopping
    )
    result = beam_search(model.step, *model.states(tf.range(20)), options)
    assert written(result) == [plain_beam(model, row, options) for row in range(20)]
    # The step computes its probabilities from its cache: they agree only where the cache follows its hypothesis.
    recomputed = [model.total(row, pieces) for row, pieces in enumerate(written(result))]
    np.testing.assert_allclose(result.log_probabilities, recomputed, rtol=1e-5)


def test_one_beam_without_a_penalty_is_greedy(history_model, search_options):
    model, options = history_model(seed=3), search_options(max_length=9, no_repeat_ngram=2, min_length=2)
    one_beam = beam_search(model.step, *model.states(tf.range(20)), options)
    greedy = greedy_search(model.step, *model.states(tf.range(20)), options)
    np.testing.assert_array_equal(one_beam.tokens, greedy.tokens)
    np.testing.assert_allclose(one_beam.log_probabilities, greedy.log_probabilities, rtol=1e-6)


def test_row_without_an_end_is_cut_at_its_most_probable_hypothesis(search_options, written):
    log_probabilities = tf.math.log([[0.0, 0.0, 0.0, 0.75, 0.25]])

    def step(tokens, position, cache, context):
        return tf.repeat(log_probabilities, tf.shape(tokens)[0], axis=0), cache

    # Impossible as it is, the end mark comes among the best where there are fewer pieces than beams, not otherwise.
    result = beam_search(step, (), tf.zeros([2]), search_options(beams=2, max_length=3))
    assert written(result) == [(3, 3, 3)] * 2
    np.testing.assert_allclose(result.log_probabilities, [3 * np.log(0.75)] * 2, rtol=1e-6)


def test_stops_as_soon_as_nothing_can_beat_the_best_ended_hypothesis(search_options):
    steps = tf.Variable(0)

    def step(tokens, position, cache, context):
        steps.assign_add(1)
        probabilities = tf.where(position < 2, [[0.0, 0.0, 0.1, 0.9]], [[0.0, 0.0, 0.9, 0.1]])
        return tf.math.log(tf.repeat(probabilities, tf.shape(tokens)[0], axis=0)), cache

    options = search_options(beams=2, length_penalty=1.0, max_length=20)
    result = tf.function(lambda batch: beam_search(step, (), batch, options), autograph=False)(tf.zeros([2]))
    # Ended: log(0.9^3) / (8/6) = -0.24. Running: log(0.9^2 * 0.1) / (25/6) = -0.60 at best.
    np.testing.assert_array_equal(result.lengths, [3, 3])
    assert steps.numpy() == 3


def test_cache_is_reordered_and_context_not(monkeypatch, history_model, search_options):
    model, gather, widths, positions = history_model(), tf.gather, [], []

    def spy(tensor, *arguments, **options):
        widths.append(tensor.shape[-1])
        return gather(tensor, *arguments, **options)

    def step(tokens, position, cache, context):
        positions.append(int(position))
        log_probabilities, _ = model.step(tokens, position, *model.states(context["row"]))
        return log_probabilities, cache

    rows = tf.range(2)
    monkeypatch.setattr(tf, "gather", spy)
    beam_search(step, {"values": tf.zeros([2, 77])}, {"row": rows, "keys": tf.zeros([2, 99])}, search_options(beams=3))
    # Both lose the rows that are done; beside that, the cache follows its hypotheses at each step.
    assert widths.count(77) - widths.count(99) == len(positions) > 1
