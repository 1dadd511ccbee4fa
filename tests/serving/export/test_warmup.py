import struct

import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.export.signatures import signatures
from tfmtl.serving.export.warmup import ALLOWED_BATCH_SIZES, warmup_records, warmup_requests, write_warmup

TASKS = {
    "topic": ServedTask(kind="classification", labels=("a", "b")),
    "same": ServedTask(kind="classification", pair=True, labels=("no", "yes")),
    "title": ServedTask(kind="summarization"),
}
ROWS = [("first", ""), ("zweiter é", "pair"), ("third", "")]


def parsed(requests):
    """The requests as TensorFlow Serving's own messages."""
    return [prediction_log_pb2.PredictionLog.FromString(request).predict_log.request for request in requests]


def test_every_signature_is_asked_at_every_allowed_batch_size():
    requests = parsed(warmup_requests("tickets", TASKS, ROWS))
    asked = [
        (request.model_spec.signature_name, request.inputs["text"].tensor_shape.dim[0].size) for request in requests
    ]
    assert {"serving_default", "classify", "summarize", *TASKS} <= {name for name, _ in asked}
    assert sorted(asked) == sorted((name, size) for name in signatures(TASKS) for size in ALLOWED_BATCH_SIZES)
    assert {request.model_spec.name for request in requests} == {"tickets"}


def test_requests_hold_the_rows_one_after_the_other():
    (request,) = [
        request
        for request in parsed(warmup_requests("tickets", TASKS, ROWS))
        if request.model_spec.signature_name == "topic" and len(request.inputs["text"].string_val) == 4
    ]
    assert [value.decode() for value in request.inputs["text"].string_val] == ["first", "zweiter é", "third", "first"]
    assert list(request.inputs["text_pair"].string_val) == [b"", b"pair", b"", b""]


def test_where_no_task_reads_pairs_there_is_one_input():
    requests = parsed(warmup_requests("tickets", {"topic": TASKS["topic"]}, ROWS))
    assert all(set(request.inputs) == {"text"} for request in requests)


def test_the_file_is_a_record_of_them_all_below_the_server_s_limit(tmp_path):
    write_warmup(tmp_path, "tickets", TASKS, ROWS)
    path = tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    assert records == list(warmup_requests("tickets", TASKS, ROWS))
    assert len(records) == len(signatures(TASKS)) * len(ALLOWED_BATCH_SIZES) <= 1000


def crc32c(content):
    """The checksum of RFC 3720, bit by bit."""
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def record(length, content):
    """A record that claims a length, with a right checksum of it: TensorFlow reserves as much before it reads."""
    head = struct.pack("<Q", length)
    masked = [(((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF for value in map(crc32c, (head, content))]
    return head + struct.pack("<I", masked[0]) + content + struct.pack("<I", masked[1])


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (record(10**15, b"abc"), "record 1 is longer than the file"),
        (record(3, b"abc") + record(2**64 - 1, b""), "record 2 is longer"),
        (record(3, b"abc") + b"abc", "record 2 is longer"),
        (record(0, b"") * 1001, "more than 1000 records"),
    ],
)
def test_a_file_that_claims_more_than_it_has_is_refused(tmp_path, file, message):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "tf_serving_warmup_requests").write_bytes(file)
    with pytest.raises(ValueError, match=message):
        warmup_records(tmp_path)


def test_records_are_read_back(tmp_path):
    assert list(warmup_records(tmp_path)) == []
    write_warmup(tmp_path, "tickets", TASKS, ROWS)
    assert list(warmup_records(tmp_path)) == list(warmup_requests("tickets", TASKS, ROWS))
    (tmp_path / "assets.extra" / "tf_serving_warmup_requests").write_bytes(record(3, b"abc"))
    assert list(warmup_records(tmp_path)) == [b"abc"]
