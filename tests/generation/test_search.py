import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfmtl.generation import search
from tfmtl.generation.search import generate


@pytest.mark.parametrize(("beams", "expected"), [(1, "greedy"), (2, "beam")])
def test_beams_choose_the_search(monkeypatch, search_options, beams, expected):
    monkeypatch.setattr(search, "greedy_search", lambda *arguments: "greedy")
    monkeypatch.setattr(search, "beam_search", lambda *arguments: "beam")
    assert generate(None, (), (), search_options(beams=beams)) == expected


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    beams=st.integers(1, 4),
    size=st.integers(1, 4),
    min_length=st.integers(0, 5),
    alpha=st.floats(0, 3),
    seed=st.integers(0, 9),
)
def test_laws(history_model, search_options, written, beams, size, min_length, alpha, seed):
    model = history_model(vocabulary=7, seed=seed)
    options = search_options(
        beams=beams, no_repeat_ngram=size, min_length=min_length, length_penalty=alpha, max_length=12
    )
    result = generate(model.step, *model.states(tf.range(6)), options)
    for row, pieces in enumerate(written(result)):
        grams = [pieces[index : index + size] for index in range(len(pieces) - size + 1)]
        assert len(grams) == len(set(grams))
        assert model.total(row, pieces) == pytest.approx(float(result.log_probabilities[row]), rel=1e-4)
        # With four pieces, single ones run out before the fifth: only then may the end mark come too early.
        assert len(pieces) > min_length or (size == 1 and len(pieces) == 5)


@pytest.mark.parametrize("beams", [1, 3])
def test_a_row_does_not_depend_on_its_neighbours(history_model, search_options, beams):
    model, options = history_model(seed=1), search_options(beams=beams, length_penalty=1.0, max_length=10)
    together = generate(model.step, *model.states(tf.range(10)), options)
    for row in range(10):
        alone = generate(model.step, *model.states(tf.constant([row])), options)
        np.testing.assert_array_equal(alone.tokens[0], together.tokens[row])
        np.testing.assert_array_equal(alone.log_probabilities[0], together.log_probabilities[row])


@pytest.mark.parametrize("beams", [1, 3])
def test_one_graph_serves_every_batch_and_a_saved_model(tmp_path, history_model, search_options, beams):
    model = history_model(seed=2)
    options = search_options(beams=beams, length_penalty=1.0, no_repeat_ngram=2)

    class Writer(tf.Module):
        traces = 0

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)], autograph=False)
        def write(self, rows):
            Writer.traces += 1
            return generate(model.step, *model.states(rows), options)._asdict()

    writer = Writer()
    eager = generate(model.step, *model.states(tf.range(5)), options)
    for batch in (5, 1, 0):
        np.testing.assert_array_equal(writer.write(tf.range(batch))["tokens"], eager.tokens[:batch])
    assert Writer.traces == 1
    tf.saved_model.save(writer, str(tmp_path))
    restored = tf.saved_model.load(str(tmp_path)).write(tf.range(5))
    for name, value in eager._asdict().items():
        np.testing.assert_array_equal(restored[name], value)
