import itertools
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tfmtl.core.errors import RunError
from tfmtl.serving.export.description import Description
from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.prediction.remote import _requests, remote_predictor
from tfmtl.serving.prediction.rows import Row

DESCRIPTION = Description(
    name="tiny", tasks={"topic": ServedTask(kind="classification", labels=("cats", "dogs"))}, versions={}
)


class StockServer(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers as TensorFlow Serving does, which knows nothing of labels."""

    def Predict(self, request, context):  # noqa: N802
        if request.model_spec.name != "tiny":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such model")
        response = predict_pb2.PredictResponse()
        rows = len(tf.make_ndarray(request.inputs["text"]))
        response.outputs["topic_label"].CopyFrom(tf.make_tensor_proto([b"dogs"] * rows))
        response.outputs["topic_probabilities"].CopyFrom(tf.make_tensor_proto([[0.25, 0.75]] * rows))
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Metadata field tfmtl is not supported")


@pytest.fixture(scope="module")
def address():
    server = grpc.server(ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(StockServer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


def test_with_the_export_s_description_any_server_answers(address):
    answers = remote_predictor(address, DESCRIPTION).answer([Row("a"), Row("b")])
    assert answers == [{"topic": {"label": "dogs", "probabilities": {"cats": 0.25, "dogs": 0.75}}}] * 2


def test_a_server_that_does_not_say_what_it_serves_needs_the_export(address):
    with pytest.raises(RunError, match=f"name its export too: tfmtl predict EXPORT --server {address}"):
        remote_predictor(address)


def test_a_refusal_is_told(address):
    other = DESCRIPTION.model_copy(update={"name": "other"})
    with pytest.raises(RunError, match=f"{address}: NOT_FOUND: no such model"):
        remote_predictor(address, other).answer([Row("a")])


def test_long_rows_are_asked_in_several_requests_and_one_that_is_too_long_is_told(address):
    predictor = remote_predictor(address, DESCRIPTION)
    # Eight million bytes, where gRPC takes four.
    assert len(predictor.answer([Row("x" * 200_000)] * 40)) == 40
    with pytest.raises(RunError, match=r"refuses a row of 50000\d\d bytes: "):
        predictor.answer([Row("a"), Row("x" * 5_000_000)])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0, 1, 400_000, 700_000, 2_000_000]), min_size=1, max_size=8))
def test_every_row_stands_in_one_request_that_is_small_or_of_this_row_alone(sizes):
    texts = tf.constant([b"x" * size for size in sizes])
    requests = [sizes[rows] for rows in _requests({"text": texts})]
    assert [size for request in requests for size in request] == sizes
    assert all(request and (len(request) == 1 or sum(request) <= 1 << 20) for request in requests)
    # None could have been one with the next.
    assert all(sum(request) + following[0] > 1 << 20 for request, following in itertools.pairwise(requests))


def test_a_server_that_is_not_there_is_told():
    with pytest.raises(RunError, match=r"127\.0\.0\.1:1: UNAVAILABLE"):
        remote_predictor("127.0.0.1:1")
