import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tfmtl.core.errors import RunError
from tfmtl.serving.server.faults import Fault, RequestError
from tfmtl.serving.server.servable import Servable


@pytest.fixture(scope="module")
def servable(export):
    return Servable(export)


def strings(*values):
    return np.array([*values, None], object)[:-1]


def test_it_answers_as_the_run_does(servable, run_answerer):
    inputs = {"text": strings(b"the cat sleeps", b""), "text_pair": strings(b"", b"a dog")}
    found = servable.run("topic", inputs)
    expected = run_answerer.function(**{name: tf.constant(values, tf.string) for name, values in inputs.items()})
    assert sorted(found) == ["topic_label", "topic_probabilities"]
    assert found["topic_label"].tolist() == expected["topic_label"].numpy().tolist()
    np.testing.assert_allclose(found["topic_probabilities"], expected["topic_probabilities"], atol=1e-6)


def test_the_signatures_are_those_of_the_contract(servable):
    of_the_contract = {"serving_default", "classify", "summarize", "topic", "title", "same", "stars"}
    assert of_the_contract <= set(servable.signature_defs)
    assert sorted(servable.input_names("classify")) == ["text", "text_pair"]
    assert servable.check("classify", {"text": strings(b"a", b"b"), "text_pair": strings(b"", b"")}) == 2


@pytest.mark.parametrize(
    ("signature", "inputs", "message"),
    [
        ("topics", {}, "there is no signature 'topics'; did you mean 'topic'"),
        ("topic", {"txt": strings()}, "has no input 'txt'; did you mean 'text'"),
        ("topic", {"text": strings(b"a")}, "needs the input 'text_pair'"),
        ("topic", {"text": np.zeros(1), "text_pair": strings(b"")}, "'text' is float64; expected strings"),
        ("topic", {"text": np.array([[b"a"]], object), "text_pair": strings(b"")}, r"has the shape \[1, 1\]"),
        ("topic", {"text": np.array(b"a", object), "text_pair": strings(b"")}, r"has the shape \[\]"),
        ("topic", {"text": strings(b"a"), "text_pair": strings()}, "differ in their number of rows"),
        ("topic", {"text": strings(), "text_pair": strings()}, "the request has no rows"),
    ],
)
def test_inputs_that_do_not_fit_are_told(servable, signature, inputs, message):
    with pytest.raises(RequestError, match=message) as error:
        servable.check(signature, inputs)
    assert error.value.fault is Fault.INVALID


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("saved_model.pb", lambda content: b"damaged"),
        ("saved_model.pb", lambda content: content[: len(content) // 2]),
        ("variables/variables.data-00000-of-00001", lambda content: content[: len(content) // 2]),
        ("variables/variables.index", lambda content: b""),
        ("metadata.json", lambda content: content[:-10]),
        ("assets.extra/tf_serving_warmup_requests", lambda content: content[:-10]),
    ],
)
def test_a_damaged_version_is_told_in_one_line(export, tmp_path, file, damage):
    version = tmp_path / "1"
    shutil.copytree(export, version)
    (version / file).write_bytes(damage((version / file).read_bytes()))
    with pytest.raises(RunError, match=re.escape(str(version)) + ".*damaged") as error:
        Servable(version)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("sizes", [[-1, -(2**27)], [2**40], [1, 1]])
def test_warm_up_requests_that_claim_more_than_they_have_are_refused(export, tmp_path, sizes):
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = "topic"
    for name in ("text", "text_pair"):
        tensor = request.inputs[name]
        tensor.dtype = tf.string.as_datatype_enum
        tensor.string_val.append(b"a")
        for size in sizes:
            tensor.tensor_shape.dim.add(size=size)
    version = tmp_path / "1"
    shutil.copytree(export, version)
    with tf.io.TFRecordWriter(str(version / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        writer.write(log.SerializeToString())
    with pytest.raises(RunError, match=r"damaged: (is not a tensor|has the shape)"):
        Servable(version)
