import numpy as np
import pytest
import tensorflow as tf

from tfmtl.config.options import GenerationOptions
from tfmtl.data.packing import Packing
from tfmtl.data.streams import Examples
from tfmtl.generation.batch_reader import BatchReader, answer_split
from tfmtl.generation.reader import Reader
from tfmtl.kinds.kind import kind_of


@pytest.fixture(scope="module")
def reader(model, data):
    return Reader(model, data.tasks, data.tokenizer, Packing(48), GenerationOptions(beams=1, no_repeat_ngram=0))


@pytest.fixture(scope="module")
def answering(reader):
    return BatchReader(reader, batch_size=4)


def test_answers_come_in_the_order_of_the_rows(answering, reader, data):
    answers = answer_split(answering, data.streams, "validation")
    assert set(answers) == set(data.tasks)
    read = tf.function(lambda names, text, pair: reader.read(names, text, pair), autograph=False)
    for stream in data.streams:
        examples = stream.splits["validation"]
        pairs = examples.text if examples.text_pair is None else examples.text_pair
        names = [task.name for task in stream.tasks]
        at_once = read(names, tf.constant(examples.text.tolist()), tf.constant(pairs.tolist()))
        for name in names:
            assert answers[name].keys() == at_once[name].keys() >= set(kind_of(data.tasks[name]).outputs)
            for suffix, expected in at_once[name].items():
                if expected.dtype == tf.string:
                    assert answers[name][suffix].tolist() == [text.decode() for text in expected.numpy()]
                else:
                    np.testing.assert_allclose(answers[name][suffix], expected, atol=1e-4, rtol=1e-4)


def test_the_model_is_traced_once_whatever_the_lengths(answering, data):
    for stream in data.streams:
        for split in ("train", "validation"):
            answering.answer([stream.tasks[0].name], answering.tokenize(stream.splits[split]))
    assert all(function.experimental_get_tracing_count() == 1 for function in answering._functions.values())


def test_a_split_without_rows_has_no_answers(answering):
    nothing = Examples(np.array([], object), None, {})
    answers = answering.answer(["topic", "title"], answering.tokenize(nothing))
    assert all(len(values) == 0 for answer in answers.values() for values in answer.values())
    assert answers["topic"]["probabilities"].ndim == 2
    assert {name: set(answer) for name, answer in answers.items()} == {
        "topic": {"label", "probabilities", "logits"},
        "title": {"summary"},
    }
