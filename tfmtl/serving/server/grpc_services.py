"""TensorFlow Serving's gRPC services: `PredictionService` and `ModelService`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tfmtl.core.errors import nearest
from tfmtl.serving.export.description import DESCRIPTION_FIELD
from tfmtl.serving.export.signatures import ALL_TASKS
from tfmtl.serving.server.calls import Calls
from tfmtl.serving.server.clients import client_of_peer
from tfmtl.serving.server.faults import Fault, RequestError, internal
from tfmtl.serving.server.monitoring import Monitoring
from tfmtl.serving.server.servable import Arrays
from tfmtl.serving.server.status import SIGNATURES, model_metadata, model_status
from tfmtl.serving.server.versions import Version, Versions
from tfmtl.serving.tensors import TensorError, strings_of

_logger = logging.getLogger("tfmtl")


class _Service:
    """The base of both services.

    Args:
        versions: the versions that answer.
        monitoring: the monitoring of the server.
        calls: the requests under way.
    """

    def __init__(self, versions: Versions, monitoring: Monitoring, calls: Calls | None = None):
        self._versions = versions
        self._monitoring = monitoring
        self._calls = calls

    @contextmanager
    def _using(self, spec: model_pb2.ModelSpec) -> Iterator[Version]:
        self._versions.check_name(spec.name)
        with self._versions.using(*_version(spec)) as version:
            yield version

    async def _answer(self, context: grpc.aio.ServicerContext, api: str, answer):
        try:
            with self._monitoring.request(api, "GRPC"):
                return await answer
        except RequestError as error:
            await context.abort(error.fault.grpc_code, str(error))
        except Exception as error:
            _logger.exception("a request failed")
            await context.abort(Fault.INTERNAL.grpc_code, internal(error))


async def _not_here(service, request, context):
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "not available over gRPC; use Predict, or classify over REST")


class PredictionService(_Service, prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers `Predict` and `GetModelMetadata`."""

    Classify = Regress = MultiInference = _not_here

    async def Predict(self, request, context):  # noqa: N802 - the protocol's name
        """Returns the outputs of a signature."""
        return await self._answer(context, "predict", self._predict(request, context))

    async def GetModelMetadata(self, request, context):  # noqa: N802
        """Returns the signatures of a version."""
        return await self._answer(context, "metadata", self._metadata(request))

    async def _predict(self, request, context):
        signature = request.model_spec.signature_name or ALL_TASKS
        begun = self._calls.begin(client_of_peer(context.peer()), request.ByteSize(), context.time_remaining())
        with begun as call, self._using(request.model_spec) as version:
            version.servable.check_names(signature, request.inputs)
            most = self._versions.options.max_rows
            inputs = {name: _strings(name, tensor, most) for name, tensor in request.inputs.items()}
            outputs = await version.predict(signature, inputs, call)
            response = predict_pb2.PredictResponse()
            response.model_spec.name = self._versions.name
            response.model_spec.signature_name = signature
            response.model_spec.version.value = version.number
        for name, values in _filtered(outputs, request.output_filter).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(values))
        return response

    async def _metadata(self, request):
        known = [SIGNATURES, DESCRIPTION_FIELD]
        if not request.metadata_field:
            raise RequestError(Fault.INVALID, f"'metadata_field' is empty; known: {', '.join(known)}")
        for field in request.metadata_field:
            if field not in known:
                raise RequestError(Fault.INVALID, f"there is no metadata '{field}'; {nearest(field, known)}")
        if DESCRIPTION_FIELD in request.metadata_field and not request.model_spec.name:
            # A client that does not know what is served here asks for just that.
            request.model_spec.name = self._versions.name
        with self._using(request.model_spec) as version:
            return model_metadata(self._versions.name, version, request.metadata_field)


class ModelService(_Service, model_service_pb2_grpc.ModelServiceServicer):
    """Answers `GetModelStatus`."""

    HandleReloadConfigRequest = _not_here

    async def GetModelStatus(self, request, context):  # noqa: N802
        """Returns the state of versions."""
        return await self._answer(context, "status", self._status(request.model_spec))

    async def _status(self, spec):
        self._versions.check_name(spec.name)
        return model_status(self._versions, *_version(spec))


def _version(spec: model_pb2.ModelSpec) -> tuple[int | None, str | None]:
    choice = spec.WhichOneof("version_choice")
    return (
        spec.version.value if choice == "version" else None,
        spec.version_label if choice == "version_label" else None,
    )


def _strings(name: str, tensor, most: int) -> np.ndarray:
    try:
        return strings_of(tensor, most)
    except TensorError as error:
        raise RequestError(Fault.INVALID, f"input '{name}' {error}") from None


def _filtered(outputs: Arrays, wanted: list[str]) -> Arrays:
    for name in wanted:
        if name not in outputs:
            raise RequestError(Fault.INVALID, f"there is no output '{name}'; {nearest(name, outputs)}")
    return {name: outputs[name] for name in wanted or outputs}
