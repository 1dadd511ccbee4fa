"""Requests that a server makes when it loads an export, so that no client waits for slow first answers."""

import functools
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path

import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2

from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.export.signatures import input_specs, signatures

ALLOWED_BATCH_SIZES = (1, 4, 16, 64)
"""The numbers of rows to which a server pads its batches: these shapes are warm, and no others are run."""

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
"""The file in which TensorFlow Serving looks for the requests, as a TFRecord of `PredictionLog`."""

_MOST_RECORDS = 1000
"""The maximum number of records that TensorFlow Serving accepts."""

_RECORD_HEAD = struct.Struct("<Q")
"""What a record of a TFRecord file begins with: the number of its bytes."""

_RECORD_FRAME = 16
"""The bytes of a record beside its content: its length, and the checksums of both."""

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
        name: the name of the model, as a server knows it.
        tasks: the tasks that it answers.
        rows: the texts and second texts from which the requests are made; a second text is empty if there is none.
    """
    path = export / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in warmup_requests(name, tasks, rows):
            writer.write(request)


def warmup_records(export: Path) -> Iterator[bytes]:
    """Returns the serialized `PredictionLog`s of an export; none if it has no warm-up requests.

    Raises:
        ValueError: if the file is damaged, or has more records than TensorFlow Serving makes.
    """
    path = export / WARMUP_FILE
    if not path.is_file():
        return iter(())
    _check_lengths(path)
    return tf.data.TFRecordDataset(str(path)).as_numpy_iterator()


def _check_lengths(path: Path) -> None:
    """Checks that records end within their file: TensorFlow reserves the memory that a record's head asks for."""
    size, start, records = path.stat().st_size, 0, 0
    with open(path, "rb") as file:
        while start < size:
            file.seek(start)
            head = file.read(_RECORD_HEAD.size)
            start += _RECORD_FRAME + (_RECORD_HEAD.unpack(head)[0] if len(head) == _RECORD_HEAD.size else size)
            records += 1
            if start > size:
                raise ValueError(f"{path}: record {records} is longer than the file")
            if records > _MOST_RECORDS:
                raise ValueError(f"{path}: there are more than {_MOST_RECORDS} records")


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
    """Returns an empty message with the same wire format as TensorFlow Serving's own.

    It is made from the field numbers, so that an export needs no package of protocol buffers except TensorFlow's.
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
