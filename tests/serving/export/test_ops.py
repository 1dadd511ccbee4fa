"""Exports that do more than answer: what their graphs would do is never run."""

import shutil

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from tfmtl.cli import main
from tfmtl.core.errors import RunError
from tfmtl.serving.export.ops import ALLOWED, check_ops, foreign_ops, read_graph
from tfmtl.serving.prediction.predictor import open_predictor
from tfmtl.serving.server.servable import Servable


@pytest.fixture
def copied(light_export, tmp_path):
    return shutil.copytree(light_export, tmp_path / "tiny" / "1")


def change(version, edit):
    """Edits the graph of a version."""
    path = version / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    edit(saved.meta_graphs[0])
    path.write_bytes(saved.SerializeToString())


def test_the_exports_of_tfmtl_are_made_of_these_ops(export, light_export):
    for version in (export, light_export):
        check_ops(version)
        assert foreign_ops(read_graph(version)) == set()


def test_each_op_is_known_and_none_is_one_that_reaches_out():
    known = set(op_def_registry.get("Const") and [name for name in ALLOWED if op_def_registry.get(name) is not None])
    assert sorted(ALLOWED - known) == []
    reaching = (
        "File",
        "Save",
        "Restore",
        "PyFunc",
        "Print",
        "Debug",
        "Summary",
        "Dataset",
        "Iterator",
        "Queue",
        "Send",
    )
    assert [name for name in ALLOWED if any(word in name for word in reaching)] == []


class Writes(tf.saved_model.experimental.TrackableResource):
    """Writes a file when it is loaded."""

    def __init__(self, path):
        super().__init__()
        self._path = path

    def _create_resource(self):
        return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[])

    def _initialize(self):
        tf.io.write_file(self._path, "written")

    def _destroy_resource(self):
        pass


class Crafted(tf.Module):
    """A graph that writes one file when it is loaded, and reads another when it is asked."""

    def __init__(self, written, read):
        self.resource = Writes(str(written))
        self.read = str(read)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.string)])
    def answer(self, text, text_pair):
        self.resource.resource_handle  # noqa: B018 - captures it
        return {"topic_label": tf.fill(tf.shape(text), tf.io.read_file(self.read)), "pair": text_pair}


def test_a_graph_that_writes_and_reads_is_not_loaded(copied, tmp_path, capsys):
    secret, written = tmp_path / "secret", tmp_path / "written"
    secret.write_text("secret")
    module = Crafted(written, secret)
    tf.saved_model.save(module, str(tmp_path / "crafted"), signatures={"serving_default": module.answer})
    written.unlink(missing_ok=True)
    shutil.copy(tmp_path / "crafted" / "saved_model.pb", copied / "saved_model.pb")
    shutil.rmtree(copied / "variables")
    shutil.copytree(tmp_path / "crafted" / "variables", copied / "variables")
    message = r"not made by tfmtl: its graph has ops that no export is made of \(ReadFile, WriteFile\)"
    for load in (open_predictor, Servable):
        with pytest.raises(RunError, match=message + ".*--allow-op ReadFile"):
            load(copied)
        with pytest.raises(RunError, match=r"\(WriteFile\)"):
            load(copied, ["ReadFile"])
    for command in (["predict", str(copied), "a"], ["serve", str(copied), "--rest-port", "0", "--grpc-port", "0"]):
        with pytest.raises(SystemExit) as stopped:
            main(command)
        error = capsys.readouterr().err
        assert (stopped.value.code, "ReadFile, WriteFile" in error) == (2, True), error
    assert not written.exists()
    # Loading it does what it says, once both are allowed, whatever it lacks of an export.
    with pytest.raises(RunError, match="does not describe the graph beside it"):
        open_predictor(copied, ["ReadFile", "WriteFile"])
    assert written.read_text() == "written"


def add_op(function, op):
    function.node_def.add(name="added", op=op)


def saver_of(graph):
    (name,) = [f.signature.name for f in graph.graph_def.library.function if "traced_save" in f.signature.name]
    return name


def into_a_function(graph):
    add_op(graph.graph_def.library.function[0], "WriteFile")


def into_the_graph(graph):
    graph.graph_def.node.add(name="added", op="WriteFile")


def into_the_saver(graph):
    (function,) = [f for f in graph.graph_def.library.function if f.signature.name == saver_of(graph)]
    add_op(function, "WriteFile")


def into_a_new_function(graph):
    function = graph.graph_def.library.function.add()
    function.signature.name = "unused"
    add_op(function, "WriteFile")


def save_in_a_function(graph):
    called = graph.object_graph_def.concrete_functions
    (function,) = [f for f in graph.graph_def.library.function if f.signature.name == sorted(called)[0]]
    add_op(function, "SaveV2")


def saver_called_by_a_function(graph):
    called = graph.object_graph_def.concrete_functions
    (function,) = [f for f in graph.graph_def.library.function if f.signature.name == sorted(called)[0]]
    node = function.node_def.add(name="added", op="StatefulPartitionedCall")
    node.attr["f"].func.name = saver_of(graph)


def saver_called_as_an_op(graph):
    add_op(graph.graph_def.library.function[0], saver_of(graph))


def saver_called_by_the_graph(graph):
    node = graph.graph_def.node.add(name="added", op="If")
    node.attr["branches"].list.func.add(name=saver_of(graph))


def saver_of_an_object(graph):
    node = next(node for node in graph.object_graph_def.nodes if node.WhichOneof("kind") == "function")
    node.function.concrete_functions.append(saver_of(graph))


def saver_of_a_bare_object(graph):
    graph.object_graph_def.nodes.add().bare_concrete_function.concrete_function_name = saver_of(graph)


@pytest.mark.parametrize(
    ("edit", "op"),
    [
        (into_a_function, "WriteFile"),
        (into_the_graph, "WriteFile"),
        (into_the_saver, "WriteFile"),
        (into_a_new_function, "WriteFile"),
        (save_in_a_function, "SaveV2"),
        (saver_called_by_a_function, "SaveV2"),
        (saver_called_as_an_op, "SaveV2"),
        (saver_called_by_the_graph, "SaveV2"),
        (saver_of_an_object, "SaveV2"),
        (saver_of_a_bare_object, "SaveV2"),
    ],
)
def test_wherever_an_op_is_it_is_found(copied, edit, op):
    change(copied, edit)
    with pytest.raises(RunError, match=rf"no export is made of \([^)]*{op}"):
        check_ops(copied)


def no_objects(graph):
    graph.ClearField("object_graph_def")


def file_outside(graph):
    graph.asset_file_def.add(filename="../../../etc/passwd")


@pytest.mark.parametrize(
    ("edit", "message"),
    [(no_objects, "does not hold the one graph"), (file_outside, "reads a file outside its directory")],
)
def test_what_tensorflow_would_read_otherwise_is_refused(copied, edit, message):
    change(copied, edit)
    with pytest.raises(RunError, match=message):
        check_ops(copied)


@pytest.mark.parametrize("name", ["saved_model.cpb", "saved_model.pbtxt"])
def test_a_second_graph_that_would_be_loaded_instead_is_refused(copied, name):
    (copied / name).touch()
    with pytest.raises(RunError, match=f"there is a {name} in it"):
        open_predictor(copied)


def test_two_graphs_are_refused(copied):
    path = copied / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    saved.meta_graphs.add()
    path.write_bytes(saved.SerializeToString())
    with pytest.raises(RunError, match="does not hold the one graph"):
        check_ops(copied)
