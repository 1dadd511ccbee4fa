"""Requests that a server makes of an export when it loads it, so that no client waits for the first ones."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path

import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2

from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.export.signatures import input_specs, signatures

ALLOWED_BATCH_SIZES = (1, 4, 16, 64)
"""Rows to which a server fills up the batches that it gathers: so many shapes are warm, and no others are run."""

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
"""Where TensorFlow Serving looks for them, as a TFRecord of `PredictionLog`."""

_MESSAGES = {
    "ModelSpec": [("name", 1, "string"), ("signature_name", 3, "string")],
    "PredictRequest": [("model_spec", 1, "ModelSpec"), ("inputs", 2, "map")],
    "PredictLog": [("request", 1, "PredictRequest")],
    "PredictionLog": [("predict_log", 6, "PredictLog")],
}
"""The fields of TensorFlow Serving's messages that a request needs, with their numbers on the wire."""


def write_warmup(export: Path, name: str, tasks: Mapping[str, ServedTask], rows: Sequence[tuple[str, str]]) -> None:
    """Writes the warm-up requests of an export: every signature at every allowed batch size.

    Args:
        export: the directory of one version.
        name: of the model, as a server knows it.
        tasks: that it answers.
        rows: texts and their pairs, of which the requests are made; an empty pair where there is none.
    """
    path = export / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in warmup_requests(name, tasks, rows):
            writer.write(request)


def warmup_requests(name: str, tasks: Mapping[str, ServedTask], rows: Sequence[tuple[str, str]]) -> Iterator[bytes]:
    """Yields serialized `PredictionLog`s; see `write_warmup`."""
    columns = [spec.name for spec in input_specs(tasks)]
    for signature in signatures(tasks):
        for size in ALLOWED_BATCH_SIZES:
            chosen = list(islice(cycle(rows), size))
            log = _prediction_log()
            request = log.predict_log.request
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            for column, values in zip(columns, zip(*chosen, strict=True), strict=False):
                request.inputs[column].CopyFrom(_strings(values))
            yield log.SerializeToString()


def _strings(values: Iterable[str]) -> tensor_pb2.TensorProto:
    return tf.make_tensor_proto([value.encode("utf-8", "replace") for value in values], tf.string)


def _prediction_log():
    """Returns an empty message that is on the wire what TensorFlow Serving's own is.

    Made from the field numbers, so that an export needs no package of protocol buffers beside TensorFlow's.
    """
    return _prediction_log_class()()


@functools.cache
def _prediction_log_class():
    file = descriptor_pb2.FileDescriptorProto(
        name="tfmtl/serving/prediction_log.proto",
        package="tfmtl.serving",
        syntax="proto3",
        dependency=[tensor_pb2.DESCRIPTOR.name],
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            _add_field(message, field, number, kind)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tfmtl.serving.PredictionLog"))


def _add_field(message, name: str, number: int, kind: str) -> None:
    types = descriptor_pb2.FieldDescriptorProto
    field = message.field.add(name=name, number=number, label=types.LABEL_OPTIONAL)
    if kind == "string":
        field.type = types.TYPE_STRING
        return
    field.type = types.TYPE_MESSAGE
    if kind != "map":
        field.type_name = f".tfmtl.serving.{kind}"
        return
    # A map is a repeated message of keys and values.
    entry = message.nested_type.add(name="InputsEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=types.LABEL_OPTIONAL, type=types.TYPE_STRING)
    tensor = f".{tensor_pb2.TensorProto.DESCRIPTOR.full_name}"
    entry.field.add(name="value", number=2, label=types.LABEL_OPTIONAL, type=types.TYPE_MESSAGE, type_name=tensor)
    field.label = types.LABEL_REPEATED
    field.type_name = f".tfmtl.serving.{message.name}.InputsEntry"
