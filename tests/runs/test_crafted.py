"""Runs that come from elsewhere: whatever their files say, they give a model or one clear line, and little memory."""

import io
import json
import resource
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
import yaml

from tfmtl.core.errors import RunError
from tfmtl.models.encoders.preset import PresetEncoder
from tfmtl.runs.archives import array_of, check_keras_archive
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.loading import load_reader

HUGE = 120 * 2**20


@pytest.fixture
def in_little_memory():
    """Fails if the test has made the process larger by half of what the files claim."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < HUGE // 2 // 2**10


def replace(path, member, content, method=zipfile.ZIP_STORED):
    """Writes an archive again, with other content of a member, or without it."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | {member: content}
    with zipfile.ZipFile(path, "w") as archive:
        for name, found in members.items():
            if found is not None:
                archive.writestr(name, found, method if name == member else zipfile.ZIP_STORED)


def bomb(path, name):
    """Writes an archive of less than a megabyte that expands to many."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(info, "w") as file:
            for _ in range(HUGE // 2**20):
                file.write(bytes(2**20))
    assert path.stat().st_size < 2**20


@pytest.mark.usefixtures("in_little_memory")
@pytest.mark.parametrize("member", ["model.weights.h5", "config.json"])
def test_an_archive_that_expands_is_damaged(copied, member):
    bomb(copied.best_model, member)
    with pytest.raises(RunError, match=rf"best.keras: damaged: '{member}' is compressed, from {HUGE} bytes to \d+"):
        load_reader(copied)


@pytest.mark.usefixtures("in_little_memory")
def test_a_checkpoint_that_expands_is_damaged(tmp_path, caplog):
    bomb(tmp_path / "update-00000001.npz", "00000.npy")
    with pytest.raises(RunError, match="no checkpoint can be read"):
        Checkpoints(tmp_path).latest()
    assert "'00000.npy' is compressed" in caplog.text


def npy(shape, content, dtype="<f4"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue() + content


@pytest.mark.usefixtures("in_little_memory")
@pytest.mark.parametrize(
    "content",
    [
        npy((HUGE // 4,), bytes(4)),
        npy((2**40, 2**40), bytes(4)),
        npy((-1,), bytes(4)),
        npy((1,), bytes(5)),
        npy((1,), b"cposix\nsystem\n", "|O"),
        b"\x93NUMPY\x09\x00",
        b"",
    ],
)
def test_an_array_that_claims_more_than_it_has_is_damaged(tmp_path, content):
    with zipfile.ZipFile(tmp_path / "update-00000001.npz", "w") as archive:
        archive.writestr("00000.npy", content)
    with zipfile.ZipFile(tmp_path / "update-00000001.npz") as archive, pytest.raises((ValueError, KeyError)):
        array_of(archive, "00000")
    with pytest.raises(RunError, match="no checkpoint can be read"):
        Checkpoints(tmp_path).latest()


def filled(file):
    file.create_dataset("a", (HUGE // 4,), "f4", fillvalue=1.0, chunks=(2**18,))


def compressed(file):
    file.create_dataset("a", data=np.zeros(2**20, "f4"), compression="gzip")


def external(file):
    file.create_dataset("a", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def virtual(file):
    layout = h5py.VirtualLayout((4,), "u1")
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "a", (4,))
    file.create_virtual_dataset("a", layout)


def soft_link(file):
    file["a"] = h5py.SoftLink("/")


def link_to_a_file(file):
    file.create_group("deep")["a"] = h5py.ExternalLink("/tmp/other.h5", "/a")


def many_names(file):
    """Eight groups, each with twelve names for the next: 12^8 ways lead to the last one."""
    group = file.create_group("deep")
    for _ in range(8):
        below = group.create_group("0")
        for name in range(1, 12):
            group[str(name)] = below
        group = below


@pytest.mark.usefixtures("in_little_memory")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (many_names, "of model.weights.h5 has two names"),
        (filled, "claims 125829120 bytes and has 0"),
        (compressed, "claims 4194304 bytes and has"),
        (external, "claims 4 bytes"),
        (virtual, "claims 4 bytes"),
        (soft_link, "'a' of model.weights.h5 is a link"),
        (link_to_a_file, "'a' of model.weights.h5 is a link"),
    ],
)
def test_weights_that_are_not_in_their_file_are_damaged(copied, make, message):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        make(file)
    replace(copied.best_model, "model.weights.h5", content.getvalue())
    with pytest.raises(RunError, match=f"best.keras: damaged: .*{message}"):
        load_reader(copied)


def test_a_model_as_keras_writes_it_is_whole(finished):
    check_keras_archive(finished.best_model)


def test_a_saved_encoder_without_a_backbone_asks_no_hub(monkeypatch):
    def asked(*_):
        raise AssertionError("the hub is asked")

    monkeypatch.setattr("tfmtl.models.encoders.preset.read_preset", asked)
    for backbone in ({}, {"backbone": None}, {"backbone": "hf://someone/else"}):
        with pytest.raises(ValueError, match="a saved model loads no preset"):
            PresetEncoder.from_config({"preset": "hf://someone/model", **backbone})


def other_model(config):
    return {"module": "keras", "class_name": "Sequential", "config": {"layers": []}, "registered_name": None}


def lambda_layer(config):
    code = {"class_name": "__lambda__", "config": {"code": "4wAAAAA=", "defaults": None, "closure": None}}
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": code}, "registered_name": None}
    return {**other_model(config), "config": {"layers": [layer]}}


def saved_model_layer(config):
    layer = {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/tmp/x"}}
    return {**other_model(config), "config": {"layers": [layer]}}


def other_module(config):
    return {**config, "module": "os", "class_name": "system", "registered_name": "system", "config": "true"}


@pytest.mark.parametrize(
    "change",
    [
        other_model,
        lambda_layer,
        saved_model_layer,
        other_module,
        lambda config: {},
        lambda config: [],
        lambda config: {**config, "config": {}},
        lambda config: {**config, "config": {**config["config"], "layers": None}},
        lambda config: {**config, "config": {**config["config"], "slices": [{}]}},
    ],
)
def test_a_description_of_another_model_is_damaged(copied, change):
    with zipfile.ZipFile(copied.best_model) as archive:
        config = json.loads(archive.read("config.json"))
    replace(copied.best_model, "config.json", json.dumps(change(config)))
    with pytest.raises(RunError, match=r"best.keras: damaged: [^\n]+; remove the run's folder and train it again$"):
        load_reader(copied)


LAUGHS = "a: &a [x]\n" + "".join(
    f"{after}: &{after} [{','.join([f'*{before}'] * 10)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.usefixtures("in_little_memory")
@pytest.mark.parametrize(
    "content",
    [
        LAUGHS.encode(),
        b"[" * 500,
        b"a: &a [*a]",
        b"\xff\xfe\x00",
        b"!!python/object/apply:os.system ['true']",
        b"tasks: 3",
        b"- 1",
        b"",
        b"\0",
    ],
)
def test_a_configuration_that_is_none_is_damaged(copied, content):
    copied.config.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(RunError, match=r"config.yaml: damaged: [^\n]+$") as caught:
            experiment_of(copied)
        assert tracemalloc.get_traced_memory()[1] < 2**27 and len(str(caught.value)) < 1000
    finally:
        tracemalloc.stop()


def test_a_model_with_other_tasks_than_the_configuration_is_told(copied):
    values = yaml.safe_load(copied.config.read_text())
    values["tasks"]["topics"] = values["tasks"].pop("topic")
    copied.config.write_text(yaml.safe_dump(values))
    with pytest.raises(RunError, match="the model of another run: it has no task 'topics'; did you mean 'topic'"):
        load_reader(copied)


@pytest.mark.parametrize("content", [b"", b"junk", b"\x0a\xff\xff\xff\xff\x0f", b"\x00" * 1000])
def test_a_tokenizer_that_is_none_is_damaged(copied, content):
    (copied.tokenizer / "sentencepiece.model").write_bytes(content)
    with pytest.raises(RunError, match=r"sentencepiece.model: damaged[^\n]*$|another run"):
        load_reader(copied)
