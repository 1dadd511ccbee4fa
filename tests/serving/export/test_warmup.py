import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.export.signatures import signatures
from tfmtl.serving.export.warmup import ALLOWED_BATCH_SIZES, warmup_requests, write_warmup

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
