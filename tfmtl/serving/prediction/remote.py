"""A predictor that asks a server, TensorFlow Serving or `tfmtl serve`, over gRPC."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import wrappers_pb2
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

from tfmtl.core.errors import RunError, UserError
from tfmtl.core.whole_number import whole_number
from tfmtl.generation.batch_reader import rows_joined
from tfmtl.serving.export.description import DESCRIPTION_FIELD, Description
from tfmtl.serving.export.signatures import ALL_TASKS, WITHOUT_DECODERS
from tfmtl.serving.prediction.predictor import Predictor
from tfmtl.serving.tensors import TensorError, values_of

_SECONDS = 120
_LONGEST = 60
_MOST_BYTES = 1 << 20
"""The maximum size of texts in a request of several rows: a quarter of gRPC's default limit."""


def remote_predictor(address: str, description: Description | None = None) -> Predictor:
    """Returns a predictor that asks a server.

    Args:
        address: its host and gRPC port, such as `"localhost:8500"`.
        description: the description of the export that it serves; `None` asks the server for it, which `tfmtl serve`
            answers.

    Raises:
        RunError: if there is no such server, or no description is given and the server does not provide one.
        UserError: if the address is not valid.
    """
    host, _, port = address.rpartition(":")
    # Otherwise gRPC would choose a port by itself.
    if not host or not 0 < (whole_number(port) or 0) < 1 << 16:
        raise UserError(f"{address[:_LONGEST]}: expected HOST:PORT of a server's gRPC, such as localhost:8500")
    stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(address))
    description = description or _description(stub, address)

    def asked(signature: str, inputs: Mapping[str, tf.Tensor]) -> Mapping[str, tf.Tensor]:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = description.name
        request.model_spec.signature_name = signature
        for name, values in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
        try:
            response = stub.Predict(request, timeout=_SECONDS)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and request.ByteSize() > _MOST_BYTES:
                raise RunError(f"{address}: refuses a row of {request.ByteSize()} bytes: {error.details()}") from None
            raise _refused(address, error) from None
        try:
            return {name: tf.constant(values_of(tensor)) for name, tensor in response.outputs.items()}
        except TensorError as error:
            raise RunError(f"{address}: its answer cannot be used: an output {error}") from None

    def function(signature: str, **inputs: tf.Tensor) -> Mapping[str, tf.Tensor]:
        answers = [
            asked(signature, {name: values[rows] for name, values in inputs.items()}) for rows in _requests(inputs)
        ]
        try:
            return {name: _joined([answer[name] for answer in answers]) for name in answers[0]}
        except (LookupError, TypeError, ValueError, tf.errors.OpError):
            raise RunError(f"{address}: its answers to requests for one signature do not fit together") from None

    functions = partial(function, ALL_TASKS), partial(function, WITHOUT_DECODERS)
    predictor = Predictor(description.tasks, *functions, address)
    predictor.check_answers()
    return predictor


def _joined(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns one output of several requests; one with strings for each row may have more of them in some."""
    if parts[0].dtype != tf.string:
        return tf.concat(parts, axis=0)
    return tf.constant(rows_joined([part.numpy() for part in parts]), tf.string)


def _requests(inputs: Mapping[str, tf.Tensor]) -> Iterator[slice]:
    """Yields the rows of one request after the other, each below the maximum size or of a single row."""
    sizes = np.sum([tf.strings.length(values).numpy() for values in inputs.values()], axis=0)
    start, size = 0, 0
    for row, more in enumerate(sizes):
        if row > start and size + more > _MOST_BYTES:
            yield slice(start, row)
            start, size = row, 0
        size += more
    yield slice(start, len(sizes))


def _description(stub: prediction_service_pb2_grpc.PredictionServiceStub, address: str) -> Description:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=[DESCRIPTION_FIELD])
    try:
        response = stub.GetModelMetadata(request, timeout=_SECONDS)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
            raise RunError(
                f"{address}: this server does not say what it serves; name its export too: "
                f"tfmtl predict EXPORT --server {address}"
            ) from None
        raise _refused(address, error) from None
    text = wrappers_pb2.StringValue()
    try:
        response.metadata[DESCRIPTION_FIELD].Unpack(text)
    except (DecodeError, UnicodeDecodeError):
        raise RunError(f"{address}: its description of what it serves is damaged") from None
    return Description.parse(text.value, address)


def _refused(address: str, error: grpc.RpcError) -> RunError:
    return RunError(f"{address}: {error.code().name}: {error.details()}")
