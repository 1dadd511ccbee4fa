"""What a running server says of requests that it does not answer."""

import grpc
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
)

from tests.serving.server.asked import SECONDS, predict_request


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/v1/models/tiny:predict", {"instances": []}, 400, "no rows"),
        ("/v1/models/tiny:predict", {"inputs": {"text": ["a"]}}, 400, "needs the input 'text_pair'"),
        (
            "/v1/models/tiny:predict",
            {"inputs": {"text": ["a"], "text_pair": []}},
            400,
            "differ in their number of rows",
        ),
        ("/v1/models/tiny:predict", {"signature_name": "clasify", "instances": []}, 400, "did you mean 'classify'"),
        ("/v1/models/tiny:predict", {"inputs": {"text": ["a"] * 65, "text_pair": ["b"] * 65}}, 400, "at most 64"),
        ("/v1/models/tony:predict", {"instances": []}, 404, "did you mean 'tiny'"),
        ("/v1/models/tiny/versions/9:predict", {"instances": []}, 404, "version 9 is not served; served: 1"),
        ("/v1/models/tiny/versions/x:predict", {"instances": []}, 400, "'x' is not a whole number"),
        (f"/v1/models/tiny/versions/{5000 * '9'}:predict", {"instances": []}, 400, "is not a whole number of 63 bits"),
        ("/v1/models/tiny:predict", {"signature_name": "\ud800", "instances": ["a"]}, 400, "there is no signature '?'"),
        ("/v1/models/tiny:predict", {"\udfff": 1}, 400, "'?'"),
        ("/v1/models/tiny/labels/stabel:predict", {"instances": []}, 404, "did you mean 'stable'"),
        ("/v1/models/tiny:explain", {"instances": []}, 405, "Method Not Allowed"),
        ("/v2/models/tiny:predict", {"instances": []}, 404, "Not Found"),
        ("/v1/models/tiny/../../../../etc/passwd:predict", {"instances": []}, 404, "Not Found"),
    ],
)
def test_rest_says_what_is_wrong_with_a_request(server, path, body, status, message):
    answer = requests.post(server.rest + path, json=body, timeout=SECONDS)
    assert (answer.status_code, message in answer.json()["error"]) == (status, True), answer.text


def test_what_is_asked_by_post_says_so(server):
    answer = requests.get(f"{server.rest}/v1/models/tiny:predict", timeout=SECONDS)
    assert (answer.status_code, answer.json()["error"]) == (405, "use POST, with a JSON body")
    assert answer.headers["Allow"] == "POST"
    assert "POST" in requests.put(f"{server.rest}/v1/models/tiny:predict", timeout=SECONDS).headers["Allow"]


def test_a_body_over_the_limit_is_refused(server, predict_url, stub):
    answer = requests.post(predict_url, data=b"x" * 200_000, timeout=SECONDS)
    assert (answer.status_code, answer.json()["error"]) == (413, "the body is larger than 100000 bytes")
    with pytest.raises(grpc.RpcError) as error:
        stub.Predict(predict_request(texts=["x" * 200_000], pairs=[""]), timeout=SECONDS)
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def wrong_dtype(request):
    request.inputs["text"].CopyFrom(tf.make_tensor_proto([1.0] * 4))


def wrong_rank(request):
    request.inputs["text"].CopyFrom(tf.make_tensor_proto([[b"a", b"b"]]))


def no_tensor(request):
    request.inputs["text"].tensor_shape.dim[0].size = 2


def too_large(request):
    request.inputs["text"].tensor_shape.dim[0].size = 2**50


def negative(request):
    del request.inputs["text"].tensor_shape.dim[:]
    for size in (-1, -(2**27)):
        request.inputs["text"].tensor_shape.dim.add(size=size)


def one_for_many(request):
    del request.inputs["text"].string_val[1:]


def resource(request):
    request.inputs["text"].dtype = 20


def long_signature(request):
    request.model_spec.signature_name = 10_000 * "\u00e9" + "z"


def no_such_version(request):
    request.model_spec.version.value = 9


@pytest.mark.parametrize(
    ("damage", "code", "message"),
    [
        (wrong_dtype, "INVALID_ARGUMENT", "input 'text' is float32; expected strings"),
        (wrong_rank, "INVALID_ARGUMENT", "input 'text' has the shape [1, 2]"),
        (no_tensor, "INVALID_ARGUMENT", "input 'text' is not a tensor"),
        (too_large, "INVALID_ARGUMENT", "1125899906842624 elements and 4 strings"),
        (lambda request: request.inputs.pop("text"), "INVALID_ARGUMENT", "needs the input 'text'"),
        (negative, "INVALID_ARGUMENT", "input 'text' is not a tensor: its shape is [-1, -134217728]"),
        (one_for_many, "INVALID_ARGUMENT", "4 elements and 1 strings"),
        (resource, "INVALID_ARGUMENT", "input 'text' is not a tensor"),
        (long_signature, "INVALID_ARGUMENT", "z'; known: "),
        (no_such_version, "NOT_FOUND", "version 9 is not served"),
    ],
)
def test_grpc_says_what_is_wrong_with_a_request(stub, damage, code, message):
    request = predict_request()
    damage(request)
    with pytest.raises(grpc.RpcError) as error:
        stub.Predict(request, timeout=SECONDS)
    assert (error.value.code().name, message in error.value.details()) == (code, True), error.value.details()


def test_grpc_says_what_it_does_not_answer(stub):
    with pytest.raises(grpc.RpcError) as error:
        stub.Classify(classification_pb2.ClassificationRequest(), timeout=SECONDS)
    assert (error.value.code(), "use Predict" in error.value.details()) == (grpc.StatusCode.UNIMPLEMENTED, True)


@pytest.mark.parametrize("method", ["PredictionService/Predict", "ModelService/GetModelStatus"])
def test_bytes_that_are_no_message_are_said_to_be_none(server, method):
    with grpc.insecure_channel(server.grpc) as channel, pytest.raises(grpc.RpcError) as error:
        channel.unary_unary(f"/tensorflow.serving.{method}")(b"\xff\xff\xff", timeout=SECONDS)
    name = method.partition("/")[2]
    expected = (grpc.StatusCode.INVALID_ARGUMENT, f"the content is no request of {name}")
    assert (error.value.code(), error.value.details()) == expected
