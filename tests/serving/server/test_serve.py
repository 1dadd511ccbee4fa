"""What clients see of a running server: TensorFlow Serving's stubs, and plain HTTP."""

import contextlib
import http.server
import json
import shutil
import socket
import subprocess
import threading

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
)

from tests.serving.server.asked import PAIRS, SECONDS, TEXTS, predict_request
from tfmtl.cli import main

SIGNATURES = ["serving_default", "classify", "summarize", "topic", "title", "same", "stars"]


def column(texts):
    return tf.constant(np.array([text.encode() for text in texts], object), tf.string)


@pytest.fixture(scope="module")
def expected(run_answerer):
    """What the Keras model itself answers, output by output."""
    answers = run_answerer.function(text=column(TEXTS), text_pair=column(PAIRS))
    return {name: value.numpy() for name, value in answers.items()}


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
    assert "'stars' is not that of a classification task" in refused.json()["error"]


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
    assert set(SIGNATURES) <= set(definitions)
    assert definitions["topic"]["inputs"]["text"]["dtype"] == "DT_STRING"
    assert sorted(definitions["topic"]["outputs"]) == ["topic_label", "topic_probabilities"]
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "tiny"
    signatures = get_model_metadata_pb2.SignatureDefMap()
    stub.GetModelMetadata(request, timeout=SECONDS).metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def) == set(definitions)


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


def test_a_page_of_another_site_neither_asks_nor_reads(server, predict_url):
    body = {"signature_name": "topic", "inputs": {"text": ["a"], "text_pair": [""]}}
    for headers in ({"Host": "attacker.example"}, {"Origin": "https://attacker.example"}, {"Origin": "null"}):
        assert requests.post(predict_url, json=body, headers=headers, timeout=SECONDS).status_code == 403
        assert requests.get(server.rest, headers=headers, timeout=SECONDS).status_code == 403
    as_text = {"Content-Type": "text/plain"}
    assert requests.post(predict_url, data=json.dumps(body), headers=as_text, timeout=SECONDS).status_code == 415
    assert requests.post(predict_url, json=body, headers={"Origin": server.rest}, timeout=SECONDS).status_code == 200


def page_of_browser(url, folder):
    """The elements of a page after its script has run."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    command = ["chromium", *flags, f"--user-data-dir={folder}", "--virtual-time-budget=20000", "--dump-dom", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS).stdout


@contextlib.contextmanager
def pressed(server):
    """Yields the address of a copy of the page whose button is pressed at once; it asks the same server."""

    class Copy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answer = requests.get(server.rest, timeout=SECONDS)
            button = "<script>document.querySelector('button').click()</script></body>"
            self.answer(answer.status_code, answer.text.replace("</body>", button).encode(), "text/html")

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            json_type = {"Content-Type": "application/json"}
            answer = requests.post(server.rest + self.path, data=body, headers=json_type, timeout=SECONDS)
            self.answer(answer.status_code, answer.content, "application/json")

        def answer(self, status, content, kind):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Copy) as copy:
        threading.Thread(target=copy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{copy.server_port}"
        copy.shutdown()


@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no Chromium")
def test_the_page_shows_labels_and_summary_in_a_browser(server, expected, tmp_path):
    parameters = {"text": TEXTS[0], "text_pair": PAIRS[0]}
    with pressed(server) as copy:
        dom = page_of_browser(requests.Request("GET", copy, params=parameters).prepare().url, tmp_path)
    topic = dom.split('id="task-topic"')[1].split("</section>")[0]
    label, share = expected["topic_label"][0].decode(), expected["topic_probabilities"][0].max()
    assert f'class="chosen"><td class="" dir="auto">{label}</td>' in topic and f"{100 * share:.1f} %" in topic
    title = dom.split('id="task-title"')[1].split("</section>")[0]
    assert f'<p class="value" dir="auto">{expected["title_summary"][0].decode()}</p>' in title


@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no Chromium")
def test_a_link_fills_the_page_in_and_asks_nothing(server, tmp_path):
    dom = page_of_browser(f"{server.rest}/?text=a", tmp_path)
    # The script has run, which its Content-Security-Policy allows, and has not asked.
    assert '<h1 id="name">tiny</h1>' in dom and "<section" not in dom
