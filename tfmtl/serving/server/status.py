"""The status of a server's versions and signatures, in TensorFlow Serving's messages."""

from collections.abc import Sequence

from google.protobuf import wrappers_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from tfmtl.serving.export.description import DESCRIPTION_FIELD
from tfmtl.serving.server.faults import without_paths
from tfmtl.serving.server.versions import Version, Versions

SIGNATURES = "signature_def"
"""The metadata field that contains the signatures."""

_OK, _UNKNOWN = 0, 2


def model_status(
    versions: Versions, number: int | None = None, label: str | None = None
) -> get_model_status_pb2.GetModelStatusResponse:
    """Returns the state of every version, or of the requested one, with the reason if it cannot be served.

    Raises:
        RequestError: if the requested version is neither served nor known.
    """
    if number in versions.all:
        shown = [versions.all[number]]
    elif number is None and label is None:
        shown = [version for _, version in sorted(versions.all.items(), reverse=True)]
    else:
        shown = [versions.find(number, label)]
    response = get_model_status_pb2.GetModelStatusResponse()
    for version in shown:
        status = response.model_version_status.add(version=version.number, state=int(version.state))
        status.status.error_code = _UNKNOWN if version.error else _OK
        status.status.error_message = without_paths(version.error)
    return response


def model_metadata(
    name: str, version: Version, fields: Sequence[str]
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """Returns the metadata of a version.

    Args:
        name: the name of the model.
        version: the version of the model.
        fields: the fields to return: `SIGNATURES` for the signatures with their inputs and outputs, `DESCRIPTION_FIELD`
            for its `metadata.json`.
    """
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = name
    response.model_spec.version.value = version.number
    if SIGNATURES in fields:
        response.metadata[SIGNATURES].Pack(signature_definitions(version))
    if DESCRIPTION_FIELD in fields:
        text = version.servable.description.model_dump_json()
        response.metadata[DESCRIPTION_FIELD].Pack(wrappers_pb2.StringValue(value=text))
    return response


def signature_definitions(version: Version) -> get_model_metadata_pb2.SignatureDefMap:
    """Returns the signatures of a version with their inputs and outputs."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for signature, definition in version.servable.signature_defs.items():
        signatures.signature_def[signature].CopyFrom(definition)
    return signatures
