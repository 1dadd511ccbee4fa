import json
import os
import shutil
import stat
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from tests.disturbances import FAULTS, disturb, touches
from tfmtl.core.errors import DataError, RunError, UserError
from tfmtl.core.lock import locked
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.loading import load_reader
from tfmtl.serving.export import export as export_module
from tfmtl.serving.export.description import Description
from tfmtl.serving.export.export import export_run
from tfmtl.serving.export.parity import probe_texts

FRESH_PROCESS = """
import json, sys
import numpy as np
import tensorflow as tf
import tensorflow_text

loaded = tf.saved_model.load(sys.argv[1])
answers = {}
for name, signature in loaded.signatures.items():
    answers[name] = []
    for texts in json.load(open(sys.argv[2], encoding="utf-8")):
        column = tf.constant(np.array([text.encode("latin-1") for text in texts], object), tf.string)
        outputs = signature(text=column, text_pair=tf.zeros_like(column))
        decoded = {output: value.numpy().tolist() for output, value in outputs.items()}
        answers[name].append(decoded)
assert "tfmtl" not in sys.modules
print(json.dumps(answers, default=lambda value: value.decode("utf-8")))
"""


def odd_batches(odd_texts: list[str]) -> list[list[bytes]]:
    """Texts that are strange, none at all, and one of a million characters."""
    return [[*(text.encode() for text in odd_texts), b"\xff\xfe cat \xc3"], [], [b"the cat runs away " * 55_556]]


def test_every_signature_answers_in_a_process_without_tfmtl(export, run_answerer, odd_texts, tmp_path):
    batches = odd_batches(odd_texts)
    # JSON holds no bytes, but each byte is a character of Latin-1.
    (tmp_path / "texts.json").write_text(json.dumps([[text.decode("latin-1") for text in batch] for batch in batches]))
    command = [sys.executable, "-c", FRESH_PROCESS, export, tmp_path / "texts.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert set(found) >= {"serving_default", "classify", "summarize", "topic", "title", "same", "stars"}
    for number, texts in enumerate(batches):
        column = tf.constant(np.array(texts, object), tf.string)
        expected = run_answerer.function(text=column, text_pair=tf.zeros_like(column))
        assert set(found["serving_default"][number]) == set(expected)
        for answers in found.values():
            for output, values in answers[number].items():
                _assert_equal(values, expected[output].numpy())


def _assert_equal(values: list, expected: np.ndarray) -> None:
    if expected.dtype == object:
        assert values == [text.decode("utf-8") for text in expected]
    else:
        np.testing.assert_allclose(np.reshape(values, expected.shape), expected, rtol=1e-5, atol=1e-5)


def test_an_export_says_what_it_is(export, run):
    description = Description.read(export)
    assert (export.name, export.parent.name, description.name) == ("1", "tiny", "tiny")
    assert {name: task.labels for name, task in description.tasks.items()} == {
        "topic": ("cats", "dogs"),
        "title": (),
        "same": ("no", "yes"),
        "stars": (),
    }
    assert [path.name for path in export.parent.iterdir()] == ["1"]
    # A server runs as another user.
    plain = stat.S_IMODE(os.stat(export.parent).st_mode)
    assert stat.S_IMODE(os.stat(export).st_mode) == plain


def requests_of(version):
    records = tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests"))
    return [PredictionLog.FromString(record.numpy()).predict_log.request for record in records]


def texts_of(version):
    return {value for request in requests_of(version) for value in request.inputs["text"].string_val}


def texts_of_validation(data):
    return [{text.encode() for text in stream.splits["validation"].text} for stream in data.streams]


def test_a_server_is_warmed_up_by_made_up_texts(export, run_answerer, run, data):
    reader = load_reader(run)
    # Text by text as the model's own probes, of which two are not valid UTF-8.
    assert texts_of(export) == {text.decode("utf-8", "replace").encode() for text in probe_texts(reader.tokenizer)}
    assert not any(texts_of(export) & texts for texts in texts_of_validation(data))
    largest = max(requests_of(export), key=lambda request: len(request.inputs["text"].string_val))
    assert any(largest.inputs["text_pair"].string_val)
    # What a request asks for is what the export has.
    loaded = tf.saved_model.load(str(export))
    assert {request.model_spec.signature_name for request in requests_of(export)} == {*loaded.signatures}
    smallest = next(request for request in requests_of(export) if request.model_spec.signature_name == "topic")
    inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in smallest.inputs.items()}
    assert loaded.signatures["topic"](**inputs)["topic_label"].shape == [1]


def test_a_server_is_warmed_up_by_texts_of_validation_from_every_stream_if_asked(unloaded, data, tmp_path, caplog):
    with caplog.at_level("INFO", "tfmtl"):
        version = export_run(unloaded, tmp_path / "tiny", warmup_texts="validation")
    assert "texts of the validation split: whoever has the export can read them" in caplog.text
    for texts in texts_of_validation(data):
        assert texts_of(version) & texts


def test_by_default_no_file_is_read_that_a_run_names(unloaded, tmp_path, monkeypatch):
    def read(*_):
        raise AssertionError("the rows of a source are read")

    monkeypatch.setattr(export_module, "load_streams", read)
    assert export_run(unloaded, tmp_path / "tiny").name == "1"


def test_tasks_that_nobody_asks_are_left_out(make_experiment):
    gaps = {"kind": "denoising", "source": "tickets", "decoder": "title"}
    tasks = export_module._exported_tasks(make_experiment(tasks={"gaps": gaps}), encoder_only=False)
    assert list(tasks) == ["topic", "title", "same", "stars"]


def test_tasks_are_chosen_by_name(make_experiment):
    def chosen(*names, encoder_only=False):
        return list(export_module._exported_tasks(make_experiment(), encoder_only, names))

    assert chosen("stars", "topic") == ["topic", "stars"]
    assert chosen("title", "topic", encoder_only=True) == ["topic"]
    with pytest.raises(UserError, match=r"^export: there is no task 'topics'; did you mean 'topic'\?"):
        chosen("topics")
    with pytest.raises(RunError, match="nothing is left without a decoder"):
        chosen("title", encoder_only=True)


def test_without_validation_it_is_made_up_texts_and_said(run, monkeypatch, caplog):
    def gone(*_):
        raise DataError("tickets.jsonl: there is no such file")

    monkeypatch.setattr(export_module, "load_streams", gone)
    with caplog.at_level("WARNING", "tfmtl"):
        rows = export_module._rows(export_module._validation_streams(experiment_of(run)), load_reader(run))
    assert "made-up texts, because the validation split is missing: tickets.jsonl: there is no such file" in caplog.text
    assert len(rows) == len(probe_texts(load_reader(run).tokenizer))


@pytest.fixture
def unloaded(run, monkeypatch):
    """The run, exported in no time: a file takes the place of the graph, and nothing is compared."""

    def write(functions, tokenizer, path):
        path.mkdir()
        (path / "saved_model.pb").write_bytes(b"graph")

    monkeypatch.setattr(export_module, "trace", lambda *_: None)
    monkeypatch.setattr(export_module, "_write_saved_model", write)
    monkeypatch.setattr(export_module, "check_parity", lambda *_: None)
    monkeypatch.setattr(export_module, "probe_texts", lambda *_: [])
    model = SimpleNamespace(network=SimpleNamespace(readings=lambda tasks: 1, merge_updates=lambda: None))
    monkeypatch.setattr(export_module, "load_reader", lambda *_: SimpleNamespace(tokenizer=None, model=model))
    return run


def test_each_export_makes_the_version_after_the_highest(unloaded, tmp_path):
    assert export_run(unloaded, tmp_path / "tiny") == tmp_path / "tiny" / "1"
    (tmp_path / "tiny" / "1").rename(tmp_path / "tiny" / "9")
    assert export_run(unloaded, tmp_path / "tiny").name == "10"
    assert export_run(unloaded, tmp_path / "tiny").name == "11"


def test_the_folder_is_that_of_the_name_by_default(unloaded, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    export_run(unloaded)
    assert (tmp_path / "saved_models" / "tiny" / "1" / "saved_model.pb").is_file()


@pytest.mark.parametrize("name", ["notes.txt", "1", "best", "01"])
def test_a_folder_with_anything_else_is_left_alone(unloaded, tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(RunError, match=rf"'{name}' is not a version of an export"):
        export_run(unloaded, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_foreign_saved_model_and_a_file_are_left_alone(unloaded, tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").touch()
    with pytest.raises(RunError, match="1: not an export of tfmtl"):
        export_run(unloaded, tmp_path)
    with pytest.raises(RunError, match="this is a file"):
        export_run(unloaded, tmp_path / "1" / "saved_model.pb")
    with pytest.raises(RunError, match="cannot be written"):
        export_run(unloaded, tmp_path / "1" / "saved_model.pb" / "tiny")


@pytest.mark.parametrize("change", ["name", "task", "kind", "pair"])
def test_an_export_of_another_experiment_is_left_alone(unloaded, tmp_path, change):
    version = export_run(unloaded, tmp_path / "tiny")
    found = json.loads((version / "metadata.json").read_text())
    if change == "name":
        found["name"] = "other"
    elif change == "task":
        del found["tasks"]["topic"]
    else:
        found["tasks"]["topic"] |= {"kind": "regression", "labels": []} if change == "kind" else {"pair": True}
    (version / "metadata.json").write_text(json.dumps(found))
    with pytest.raises(RunError, match="of 'other'" if change == "name" else "an export of other tasks"):
        export_run(unloaded, tmp_path / "tiny")
    assert [path.name for path in (tmp_path / "tiny").iterdir()] == ["1"]


def test_an_export_that_answers_otherwise_leaves_nothing_behind(unloaded, tmp_path, monkeypatch):
    def differs(*_):
        raise RuntimeError("the export does not answer as the model does")

    export_run(unloaded, tmp_path / "old")
    monkeypatch.setattr(export_module, "check_parity", differs)
    for folder in ("old", "new"):
        with pytest.raises(RuntimeError, match="does not answer"):
            export_run(unloaded, tmp_path / folder)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("**/saved_model.pb")) == [
        os.path.join("old", "1", "saved_model.pb")
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_what_an_interrupted_export_left_is_no_hindrance(unloaded, tmp_path):
    (tmp_path / ".unfinished-x").mkdir()
    assert export_run(unloaded, tmp_path).name == "1"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_disturbed_export_leaves_what_was_there_and_the_next_one_is_clean(unloaded, tmp_path, fault):
    folder = tmp_path / "tiny"
    export_run(unloaded, folder)
    moments = touches(lambda: export_run(unloaded, tmp_path / "other"))
    assert moments >= 7
    before = sorted(folder.rglob("*"))
    for number in range(1, moments + 1):
        disturb(lambda: export_run(unloaded, folder), number, fault)
        versions = [path.name for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
        # The last moments come after the version has its number.
        assert versions in (["1"], ["1", "2"]) and set(before) <= set(folder.rglob("*"))
        assert fault == "SIGKILL" or sorted(path.name for path in folder.iterdir()) == versions
        shutil.rmtree(folder / "2", ignore_errors=True)
        assert export_run(unloaded, folder).name == "2"
        assert sorted(path.name for path in folder.iterdir()) == ["1", "2"]
        assert sorted(p.name for p in (folder / "2").rglob("*")) == sorted(p.name for p in (folder / "1").rglob("*"))
        shutil.rmtree(folder / "2")


def test_a_second_export_to_a_folder_is_told_of_the_first(unloaded, tmp_path):
    folder = tmp_path / "tiny"
    with locked(folder), pytest.raises(RunError, match=rf"process {os.getpid()} on .* is writing to it"):
        export_run(unloaded, folder)
    assert export_run(unloaded, folder).name == "1"
