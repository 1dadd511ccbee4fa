"""What answers rows from a server, TensorFlow Serving's or `tfmtl serve`'s, over gRPC."""

from collections.abc import Mapping

import grpc
import tensorflow as tf
from google.protobuf import wrappers_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

from tfmtl.errors import RunError, UserError
from tfmtl.serving.answerers import Answerer
from tfmtl.serving.description import DESCRIPTION_FIELD, Description
from tfmtl.serving.signatures import ALL_TASKS

_SECONDS = 120


def remote_answerer(address: str, description: Description | None = None) -> Answerer:
    """Returns what answers by asking a server.

    Args:
        address: its host and gRPC port, such as `"localhost:8500"`.
        description: of the export that it serves; `tfmtl serve` is asked for it where it is `None`.

    Raises:
        RunError: where there is no such server, or it is not told what it serves and does not say so.
        UserError: where the address is none.
    """
    host, _, port = address.rpartition(":")
    # Else gRPC would take a port for one of its own choice.
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise UserError(f"{address}: expected HOST:PORT of a server's gRPC, such as localhost:8500")
    stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(address))
    description = description or _description(stub, address)

    def function(**inputs: tf.Tensor) -> Mapping[str, tf.Tensor]:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = description.name
        request.model_spec.signature_name = ALL_TASKS
        for name, values in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
        try:
            response = stub.Predict(request, timeout=_SECONDS)
        except grpc.RpcError as error:
            raise _refused(address, error) from None
        return {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in response.outputs.items()}

    return Answerer(description.tasks, function)


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
    response.metadata[DESCRIPTION_FIELD].Unpack(text)
    return Description.model_validate_json(text.value)


def _refused(address: str, error: grpc.RpcError) -> RunError:
    return RunError(f"{address}: {error.code().name}: {error.details()}")
