import numpy as np
import pytest
import tensorflow as tf

from tfmtl.config.options import GenerationOptions
from tfmtl.core.errors import DataError
from tfmtl.data.packing import Packing
from tfmtl.data.special_tokens import END_ID, START_ID
from tfmtl.generation.reader import Reader

TASKS = ["topic", "title", "same", "stars"]
NUMBERS = {"topic": "probabilities", "same": "probabilities", "stars": "score"}
TEXTS = ["the cat sleeps in the garden.", "", "🐈‍⬛ \x00\x07 日本", "a puppy runs away. " * 3000]
PAIRS = ["her tomcat eats the fish.", "a dog", "", "the dog plays with an old ball. " * 3000]


@pytest.fixture(scope="module")
def reader(model, data):
    return Reader(model, data.tasks, data.tokenizer, Packing(48), GenerationOptions(beams=1, no_repeat_ngram=3))


@pytest.fixture(scope="module")
def read(reader):
    signature = [tf.TensorSpec([None], tf.string)] * 2
    return tf.function(lambda text, pair: reader.read(TASKS, text, pair), signature, autograph=False)


@pytest.fixture(scope="module")
def pack(reader):
    text = tf.TensorSpec([None], tf.string)
    return tf.function(reader.pack, [text], autograph=False), tf.function(
        lambda text, pair: reader.pack(text, pair), [text, text], autograph=False
    )


def test_any_text_is_answered(read, data):
    answers = read(tf.constant(TEXTS), tf.constant(PAIRS))
    assert list(answers) == TASKS
    for name in ("topic", "same"):
        probabilities = answers[name]["probabilities"]
        assert probabilities.shape == (4, 2)
        np.testing.assert_allclose(tf.reduce_sum(probabilities, axis=1), 1.0, atol=1e-5)
        labels = [data.tasks[name].labels[place] for place in np.argmax(probabilities, axis=1)]
        assert [label.decode() for label in answers[name]["label"].numpy()] == labels
    assert answers["stars"]["score"].shape == (4,)
    assert np.isfinite(answers["stars"]["score"]).all()
    summaries = answers["title"]["summary"].numpy()
    assert summaries.shape == (4,)
    assert all("⁇" not in summary.decode() for summary in summaries)


def test_the_encoder_is_traced_once_for_all_functions(model, data, monkeypatch):
    encoder, traces = type(model.network.layers.sharing.trunk), []
    call = encoder.call
    monkeypatch.setattr(encoder, "call", lambda *args, **options: traces.append(args) or call(*args, **options))
    reader = Reader(model, data.tasks, data.tokenizer, Packing(48), GenerationOptions(beams=1, no_repeat_ngram=0))
    tokens = [tf.TensorSpec([None, None], tf.int32)]
    for names in (["topic"], ["stars"], ["topic", "stars"]):
        tf.function(
            lambda rows, names=names: reader.answer(names, rows), tokens, autograph=False
        ).get_concrete_function()
    assert len(traces) == 1


def test_a_text_alone_is_answered_as_among_others(read):
    together = read(tf.constant(TEXTS), tf.constant(PAIRS))
    for row in range(len(TEXTS)):
        alone = read(tf.constant(TEXTS[row : row + 1]), tf.constant(PAIRS[row : row + 1]))
        for name, suffix in NUMBERS.items():
            np.testing.assert_allclose(alone[name][suffix][0], together[name][suffix][row], atol=1e-4, rtol=1e-4)
        assert alone["title"]["summary"].numpy()[0] == together["title"]["summary"].numpy()[row]


def test_a_pair_is_read_only_by_the_tasks_that_ask_for_it(read):
    plain, other = (read(tf.constant(TEXTS), tf.constant(pairs)) for pairs in (PAIRS, PAIRS[::-1]))
    for name in ("topic", "stars"):
        np.testing.assert_array_equal(plain[name][NUMBERS[name]], other[name][NUMBERS[name]])
    assert not np.allclose(plain["same"]["probabilities"], other["same"]["probabilities"], atol=1e-4)


def test_rows_are_marked_cut_and_padded(pack, tokenizer):
    single, pair = pack
    rows = single(tf.constant(TEXTS)).numpy()
    assert rows.shape == (4, 48)
    assert (rows[:, 0] == START_ID).all()
    assert ((rows == END_ID).sum(axis=1) == 1).all()
    assert rows[1].tolist() == [START_ID, END_ID] + [0] * 46
    assert rows[3, -1] == END_ID
    rows = pair(tf.constant(TEXTS), tf.constant(PAIRS)).numpy()
    assert rows.shape == (4, 48)
    assert ((rows == END_ID).sum(axis=1) == 2).all()


def test_a_pair_task_without_its_pair_is_an_error(reader):
    with pytest.raises(DataError, match="task 'same' reads pairs of texts: 'text_pair' is required"):
        reader.read(["topic", "same"], tf.constant(["a"]))
