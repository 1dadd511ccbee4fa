"""What clients see of a running server: TensorFlow Serving's stubs, and plain HTTP."""

import asyncio
import json
import shutil
import socket
import subprocess
import threading
import time

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tfmtl.cli import main
from tfmtl.serving.server.serve import _RestServer

SIGNATURES = ["serving_default", "classify", "summarize", "topic", "title", "same", "stars"]
TEXTS = ["the cat sleeps in the garden.", "", "a puppy runs away 😀", "her tomcat eats the fish near the river."]
PAIRS = ["a kitten sleeps.", "the dog", "", "his hound waits."]
SECONDS = 60


def column(texts):
    return tf.constant(np.array([text.encode() for text in texts], object), tf.string)


@pytest.fixture(scope="module")
def expected(run_answerer):
    """What the Keras model itself answers, output by output."""
    answers = run_answerer.function(text=column(TEXTS), text_pair=column(PAIRS))
    return {name: value.numpy() for name, value in answers.items()}


@pytest.fixture(scope="module")
def predict_url(server):
    return f"{server.rest}/v1/models/tiny:predict"


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.grpc) as channel:
        yield channel


@pytest.fixture(scope="module")
def stub(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def predict_request(signature="serving_default", texts=TEXTS, pairs=PAIRS, name="tiny"):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    for key, values in {"text": texts, "text_pair": pairs}.items():
        request.inputs[key].CopyFrom(
            tf.make_tensor_proto([value.encode() for value in values], tf.string, [len(values)])
        )
    return request


def assert_same(found, expected):
    found = np.array(found)
    if expected.dtype == object:
        assert found.tolist() == [value.decode() for value in expected]
    else:
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("signature", SIGNATURES)
def test_grpc_answers_as_the_keras_model_does(stub, expected, signature):
    response = stub.Predict(predict_request(signature), timeout=SECONDS)
    assert (response.model_spec.name, response.model_spec.signature_name) == ("tiny", signature)
    assert response.outputs
    for name, tensor in response.outputs.items():
        values = tf.make_ndarray(tensor)
        assert_same([value.decode() for value in values] if values.dtype == object else values, expected[name])
    if signature == "serving_default":
        assert set(response.outputs) == set(expected)


@pytest.mark.parametrize("signature", SIGNATURES)
def test_rest_answers_as_the_keras_model_does_in_rows_and_in_columns(predict_url, stub, expected, signature):
    names = sorted(stub.Predict(predict_request(signature), timeout=SECONDS).outputs)
    instances = [{"text": text, "text_pair": pair} for text, pair in zip(TEXTS, PAIRS, strict=True)]
    columns = {"text": TEXTS, "text_pair": PAIRS}
    rows = requests.post(predict_url, json={"signature_name": signature, "instances": instances}, timeout=SECONDS)
    lists = requests.post(predict_url, json={"signature_name": signature, "inputs": columns}, timeout=SECONDS)
    assert rows.status_code == lists.status_code == 200
    rows, lists = rows.json()["predictions"], lists.json()["outputs"]
    for name in names:
        assert_same([row[name] for row in rows] if len(names) > 1 else rows, expected[name])
        assert_same(lists[name] if len(names) > 1 else lists, expected[name])


def test_an_output_filter_gives_those_outputs_alone(stub, expected):
    request = predict_request()
    request.output_filter.append("topic_label")
    assert list(stub.Predict(request, timeout=SECONDS).outputs) == ["topic_label"]
    request.output_filter.append("topic_labels")
    with pytest.raises(grpc.RpcError) as error:
        stub.Predict(request, timeout=SECONDS)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "did you mean 'topic_label'" in error.value.details()


def test_classify_gives_labels_with_probabilities_and_regress_scores(server, expected):
    examples = [{"text": text} for text in TEXTS]
    body = {"signature_name": "topic", "examples": examples, "context": {"text_pair": ""}}
    answer = requests.post(f"{server.rest}/v1/models/tiny:classify", json=body, timeout=SECONDS).json()["result"]
    assert [[label for label, _ in row] for row in answer] == [["cats", "dogs"]] * 4
    np.testing.assert_allclose(
        [[probability for _, probability in row] for row in answer], expected["topic_probabilities"], atol=1e-5
    )
    body["signature_name"] = "stars"
    answer = requests.post(f"{server.rest}/v1/models/tiny:regress", json=body, timeout=SECONDS).json()["result"]
    np.testing.assert_allclose(answer, expected["stars_score"], rtol=1e-5)
    refused = requests.post(f"{server.rest}/v1/models/tiny:classify", json=body, timeout=SECONDS)
    assert refused.status_code == 400
    assert "'stars' is not that of one classification task" in refused.json()["error"]


def test_versions_and_labels_lead_to_the_same_model(server):
    body = {"signature_name": "topic", "inputs": {"text": TEXTS, "text_pair": PAIRS}}
    answers = [
        requests.post(f"{server.rest}/v1/models/tiny{path}:predict", json=body, timeout=SECONDS).json()
        for path in ("", "/versions/1", "/labels/stable", "/labels/canary")
    ]
    assert "outputs" in answers[0] and answers[1:] == answers[:1] * 3


def test_the_status_of_versions(server, channel):
    status = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("", "/versions/1", "/labels/stable"):
        answer = requests.get(f"{server.rest}/v1/models/tiny{path}", timeout=SECONDS)
        assert answer.json() == {"model_version_status": [status]}
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "tiny"
    response = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=SECONDS)
    assert [(found.version, found.state) for found in response.model_version_status] == [(1, 30)]


def test_the_metadata_are_the_signatures(server, stub):
    answer = requests.get(f"{server.rest}/v1/models/tiny/metadata", timeout=SECONDS).json()
    assert answer["model_spec"]["name"] == "tiny" and answer["model_spec"]["version"] == "1"
    definitions = answer["metadata"]["signature_def"]["signature_def"]
    assert sorted(definitions) == sorted(SIGNATURES)
    assert definitions["topic"]["inputs"]["text"]["dtype"] == "DT_STRING"
    assert sorted(definitions["topic"]["outputs"]) == ["topic_label", "topic_probabilities"]
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "tiny"
    signatures = get_model_metadata_pb2.SignatureDefMap()
    stub.GetModelMetadata(request, timeout=SECONDS).metadata["signature_def"].Unpack(signatures)
    assert sorted(signatures.signature_def) == sorted(SIGNATURES)


def test_prometheus_counts_requests_by_their_status(server, predict_url):
    def count(status):
        text = requests.get(f"{server.rest}/monitoring/prometheus/metrics", timeout=SECONDS).text
        labels = f'{{API="predict",entrypoint="REST",model_name="tiny",status="{status}"}} '
        lines = [
            line for line in text.splitlines() if line.startswith(f":tensorflow:serving:request_count_total{labels}")
        ]
        return float(lines[0].split()[-1]) if lines else 0.0

    before = count("OK"), count("INVALID_ARGUMENT")
    body = {"signature_name": "topic", "inputs": {"text": ["a"], "text_pair": [""]}}
    requests.post(predict_url, json=body, timeout=SECONDS)
    requests.post(predict_url, json={}, timeout=SECONDS)
    assert (count("OK"), count("INVALID_ARGUMENT")) == (before[0] + 1, before[1] + 1)


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
        ("/v1/models/tiny/versions/x:predict", {"instances": []}, 400, "'x' is no whole number"),
        (f"/v1/models/tiny/versions/{5000 * '9'}:predict", {"instances": []}, 400, "is no whole number of 63 bits"),
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
    assert (answer.status_code, answer.json()["error"]) == (405, "this is asked by POST, with a body in JSON")
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
        (no_tensor, "INVALID_ARGUMENT", "input 'text' is no tensor"),
        (too_large, "INVALID_ARGUMENT", "1125899906842624 elements and 4 strings"),
        (lambda request: request.inputs.pop("text"), "INVALID_ARGUMENT", "needs the input 'text'"),
        (resource, "INVALID_ARGUMENT", "input 'text' is no tensor"),
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
    assert (error.value.code(), "Predict is" in error.value.details()) == (grpc.StatusCode.UNIMPLEMENTED, True)


@pytest.mark.parametrize("names_export", [False, True])
def test_the_command_line_asks_a_server(server, served_folder, capsys, names_export):
    export = [str(served_folder)] if names_export else []
    lines = []
    for arguments in ([*export, "--server", server.grpc], [str(served_folder)]):
        with pytest.raises(SystemExit) as stopped:
            main(["predict", *arguments, *TEXTS])
        assert not stopped.value.code
        lines.append(capsys.readouterr().out)
    of_server, of_export = ([json.loads(line) for line in text.splitlines()] for text in lines)
    assert [row["title"] for row in of_server] == [row["title"] for row in of_export]
    for row, expected in zip(of_server, of_export, strict=True):
        assert row["topic"]["label"] == expected["topic"]["label"]
        assert row["topic"]["probabilities"] == pytest.approx(expected["topic"]["probabilities"], abs=1e-5)
        assert row["stars"]["score"] == pytest.approx(expected["stars"]["score"], rel=1e-5)


def test_a_client_that_goes_in_the_middle_of_a_request_harms_nobody(server, predict_url):
    host, port = server.rest.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    body = {"signature_name": "topic", "inputs": {"text": ["a"], "text_pair": [""]}}
    assert requests.post(predict_url, json=body, timeout=SECONDS).status_code == 200


def test_the_page_knows_the_model(server):
    answer = requests.get(server.rest, timeout=SECONDS)
    assert answer.headers["content-type"].startswith("text/html")
    model = json.loads(answer.text.split('id="model">')[1].split("</script>")[0])
    assert model["name"] == "tiny" and list(model["tasks"]) == ["topic", "title", "same", "stars"]
    assert model["tasks"]["topic"]["labels"] == ["cats", "dogs"]


@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no Chromium")
def test_the_page_shows_labels_and_summary_in_a_browser(server, expected, tmp_path):
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    url = requests.Request("GET", server.rest, params={"text": TEXTS[0], "text_pair": PAIRS[0]}).prepare().url
    command = ["chromium", *flags, f"--user-data-dir={tmp_path}", "--virtual-time-budget=20000", "--dump-dom", url]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS).stdout
    topic = dom.split('id="task-topic"')[1].split("</section>")[0]
    label, share = expected["topic_label"][0].decode(), expected["topic_probabilities"][0].max()
    assert f'class="chosen"><td class="">{label}</td>' in topic and f"{100 * share:.1f} %" in topic
    title = dom.split('id="task-title"')[1].split("</section>")[0]
    assert f'<p class="value">{expected["title_summary"][0].decode()}</p>' in title


def test_what_stops_with_rest_does_not_wait_for_its_clients():
    stopped = []

    async def slow(request):
        await asyncio.sleep(1)
        return PlainTextResponse(f"stopped: {stopped}")

    async def stop():
        stopped.append("grpc")

    async def main():
        config = uvicorn.Config(Starlette(routes=[Route("/", slow)]), port=0, log_level="error")
        server = _RestServer(config, stop)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.1)
        server.should_exit = True
        await serving
        return await reader.read()

    assert asyncio.run(main()).endswith(b"stopped: ['grpc']")


class Traffic:
    """Asks a hundred times a second at most, from a thread of its own, and keeps what was answered."""

    def __init__(self, server):
        self.statuses, self.versions, self._going_on = [], [], True
        self._server = server
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with grpc.insecure_channel(self._server.grpc) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while self._going_on:
                try:
                    response = stub.Predict(predict_request("topic"), timeout=SECONDS)
                    self.versions.append(response.model_spec.version.value)
                except grpc.RpcError as error:
                    self.statuses.append(error.code())
                time.sleep(0.01)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._going_on = False
        self._thread.join(SECONDS)


def states(server):
    statuses = requests.get(f"{server.rest}/v1/models/tiny", timeout=SECONDS).json()["model_version_status"]
    return {int(status["version"]): (status["state"], status["status"]["error_message"]) for status in statuses}


def wait_for_state(server, version, state):
    deadline = time.monotonic() + SECONDS
    while states(server).get(version, ("", ""))[0] != state:
        assert time.monotonic() < deadline, states(server)
        time.sleep(0.1)


def test_versions_change_under_load_without_a_failed_request(start_server, light_export, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(light_export, folder / "1")
    server = start_server(folder)
    with Traffic(server) as traffic:
        shutil.copytree(light_export, tmp_path / "next")
        (tmp_path / "next").rename(folder / "2")
        wait_for_state(server, 2, "AVAILABLE")
        wait_for_state(server, 1, "END")
        # One that is damaged is told, and the one before it goes on.
        shutil.copytree(light_export, tmp_path / "next")
        (tmp_path / "next" / "saved_model.pb").write_bytes(b"damaged")
        (tmp_path / "next").rename(folder / "3")
        wait_for_state(server, 3, "END")
        assert "damaged" in states(server)[3][1]
        assert states(server)[2] == ("AVAILABLE", "")
        # Mended, it is taken.
        shutil.copy(light_export / "saved_model.pb", folder / "3" / "saved_model.pb")
        wait_for_state(server, 3, "AVAILABLE")
        wait_for_state(server, 2, "END")
        time.sleep(0.5)
    assert traffic.statuses == []
    assert sorted(set(traffic.versions)) == [1, 2, 3] and traffic.versions == sorted(traffic.versions)
    assert "version 3 is not served" in server.log.read_text()
    # Told to stop in the middle of requests, it answers them and ends well.
    with Traffic(server) as traffic:
        time.sleep(1)
        assert server.stop() == 0
    # A call that comes while gRPC shuts down, and that it has not handed over to anyone, it cancels itself.
    assert traffic.versions and set(traffic.statuses) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: there is no such export folder"),
        (["{empty}"], "there is no version of an export in it"),
        (["{export}", "--host", "300.0.0.1"], "300.0.0.1: no such address"),
        (["{export}", "--rest-port", "{taken}"], "REST cannot listen there (Address already in use)"),
        (
            ["{export}", "--rest-port", "{free}", "--grpc-port", "{free}"],
            "gRPC cannot listen there; choose --grpc-port",
        ),
        (["{export}", "--rest-port", "0", "--grpc-port", "{taken}"], "gRPC cannot listen there; choose --grpc-port"),
        (["{export}", "--batch-size", "0"], "--batch-size"),
    ],
)
def test_a_server_that_cannot_start_says_why(served_folder, tmp_path, arguments, message, capsys):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        values = {"empty": tmp_path, "export": served_folder, "taken": taken.getsockname()[1], "free": free}
        with pytest.raises(SystemExit) as stopped:
            main(["serve", *(argument.format(**values) for argument in arguments)])
    error = capsys.readouterr().err
    assert (stopped.value.code, message in error, len(error.splitlines())) == (2, True, 1), error
