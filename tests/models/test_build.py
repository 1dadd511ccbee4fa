import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.config.experiment import parse
from tfmtl.config.options import GenerationOptions
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import KINDS
from tfmtl.data.batches import batches
from tfmtl.data.columns import DenseColumn
from tfmtl.data.packing import Packing
from tfmtl.data.tables import Slice
from tfmtl.generation.reader import Reader
from tfmtl.kinds.denoising.span_corruption import answer_length
from tfmtl.kinds.kind import HeadContext, Kind, kind_named, kind_of
from tfmtl.models.build import build_model, common_head_names
from tfmtl.models.encoders.transformer import TransformerEncoder
from tfmtl.models.layers.mlm_head import MLMHead
from tfmtl.training.train import compile_model
from tfmtl.training.variable_usage import variable_usage

LABELS = {"labels": ["bad", "good"]}
TASKS = {
    "books": {"kind": "classification", "source": "s", **LABELS},
    "films": {"kind": "classification", "source": "s", **LABELS},
    "desk": {"kind": "classification", "source": "s", "labels": ["art", "sport"]},
    "same": {"kind": "classification", "source": "s", "text_pair": "other", **LABELS},
    "stars": {"kind": "regression", "source": "s", "target": "stars"},
}
WRITTEN = {
    "title": {"kind": "summarization", "source": "s", "max_length": 3},
    "gaps": {"kind": "denoising", "source": "s", "noise_density": 0.5, "mean_span": 1.0},
    "note": {"kind": "summarization", "source": "s", "max_length": 5},
}
TOKENS = np.int32([[2, 7, 9, 8, 3, 0], [2, 5, 5, 6, 7, 3]])
ENCODER = {"layers": 1, "hidden": 8, "heads": 2, "feedforward": 8, "max_length": 8}


def parsed(tasks, **model):
    source = {"s": {"format": "tsv", "train": "a.tsv"}}
    return parse({"tasks": tasks, "sources": source, "model": {"encoder": ENCODER, **model}})


@pytest.fixture(scope="module")
def build():
    def build(names, precision="float32", **model):
        experiment = parsed({name: TASKS[name] for name in names}, **{"shared_heads": True, **model})
        slices = [Slice("tokens", tuple(names), ())]
        columns = dict.fromkeys(names, DenseColumn(np.array([1.0, 3.0], np.float32)))
        return build_model(experiment.model, experiment.tasks, slices, columns, 20, precision), experiment.tasks

    return build


@pytest.fixture(scope="module")
def built(build):
    return build(list(TASKS))


def heads_of(model):
    """The heads of tasks and those in common, by their names."""
    layers = model.network.layers
    return {**layers.heads, **layers.common_heads}


def states_of(model):
    layers = model.network.layers
    return layers.sharing.trunk(layers.embedding(TOKENS), TOKENS).last


def test_every_kind_of_task_has_a_head_of_the_task_s_name():
    experiment, trunk = parsed({**TASKS, **WRITTEN}), TransformerEncoder(**ENCODER)
    column = DenseColumn(np.array([1.0, 3.0], np.float32))
    # A kind without one cannot be made.
    assert all(isinstance(kind_named(entry.name), Kind) for entry in KINDS)
    for task in experiment.tasks.values():
        head = kind_of(task).head(task, HeadContext(trunk, experiment.model, column))
        assert isinstance(head, keras.layers.Layer) and not head.built
        assert head.name == task.name


def test_a_regression_head_works_in_units_of_its_training_targets(model, data):
    scores = data.columns["stars"].values
    head = model.network.layers.heads["stars"]
    assert head.mean == pytest.approx(np.nanmean(scores))
    assert head.deviation == pytest.approx(np.nanstd(scores))


def test_tasks_with_the_same_labels_have_a_head_in_common(built):
    model, tasks = built
    expected = {"books": "shared_head_0", "films": "shared_head_0"}
    assert common_head_names(tasks) == expected
    assert list(model.network.layers.common_heads) == ["shared_head_0"]
    assert {name: heads_of(model)[name].common for name in ("books", "films", "desk", "same")} == {
        "books": "shared_head_0",
        "films": "shared_head_0",
        "desk": None,
        "same": None,
    }
    usage = variable_usage(model)
    paths = [variable.path for variable in model.trainable_variables]
    kernel = paths.index("shared_head_0/output/kernel")
    assert {name for name, read in usage.tasks.items() if kernel in read} == {"books", "films"}
    assert kernel in usage.shared


def test_its_logits_are_added_to_those_of_each_own_head(built):
    model, _ = built
    states, expected = states_of(model), 0.0
    for name in ("films", "shared_head_0"):
        head = heads_of(model)[name]
        features = np.array(head.pooling(states, TOKENS != 0))
        expected += features @ np.array(head.output_layer.kernel) + np.array(head.output_layer.bias)
    np.testing.assert_allclose(model({"tokens": TOKENS})["films"], expected, atol=1e-5)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_in_half_precision_logits_are_added_in_float32(build, precision):
    model, _ = build(["books", "films"], precision)
    states, heads = states_of(model), heads_of(model)
    common = np.array(heads["shared_head_0"](states, TOKENS)) + 1e-4
    own = np.array(heads["films"](states, TOKENS))
    assert common.dtype == own.dtype == np.float32
    np.testing.assert_array_equal(heads["films"](states, TOKENS, common), own + common)


def test_a_loaded_model_and_its_reader_answer_alike(built, tmp_path):
    model, tasks = built
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len([layer for layer in loaded.layers if layer.name == "shared_head_0"]) == 1
    answers = Reader(loaded, tasks, None, Packing(8), GenerationOptions()).answer(["films", "books", "stars"], TOKENS)
    outputs = model({"tokens": TOKENS})
    for name in ("films", "books"):
        np.testing.assert_allclose(answers[name]["probabilities"], tf.nn.softmax(outputs[name]), atol=1e-5)
    np.testing.assert_allclose(answers["stars"]["score"], outputs["stars"], atol=1e-5)


@pytest.mark.parametrize(("names", "options"), [(["books", "desk"], {}), (["books", "films"], {"shared_heads": False})])
def test_without_another_task_or_the_option_there_is_none(build, names, options):
    model, _ = build(names, **options)
    assert all(model.network.layers.heads[name].common is None for name in names)
    assert not model.network.layers.common_heads
    assert not any(layer.name.startswith("shared_head") for layer in model.layers)


def written_by(names, **of_gaps):
    tasks = {name: {**WRITTEN[name], **(of_gaps if name == "gaps" else {})} for name in names}
    experiment = parsed(tasks)
    slices = [Slice(f"tokens_{name}", (), (name,)) for name in names]
    return build_model(experiment.model, experiment.tasks, slices, {}, 20, "float32").network


def test_each_task_that_writes_has_a_decoder_of_its_own_as_long_as_its_texts():
    network = written_by(["title", "gaps", "note"])
    lengths = {name: decoder.max_length for name, decoder in network.layers.decoders.items()}
    # What is written of gaps is one shorter than the answer, whose end mark no decoder reads.
    assert lengths == {"title": 3, "gaps": int(answer_length(8, 0.5, 1.0)) - 1, "note": 5}
    assert network.decoder_of == {"title": "title", "gaps": "gaps", "note": "note"}
    assert [decoder.name for decoder in network.layers.decoders.values()] == [f"{name}_decoder" for name in lengths]


def test_a_decoder_that_several_tasks_write_with_fits_the_longest():
    network = written_by(["title", "gaps", "note"], decoder="title")
    lengths = {name: decoder.max_length for name, decoder in network.layers.decoders.items()}
    assert lengths == {"title": int(answer_length(8, 0.5, 1.0)) - 1, "note": 5}
    assert network.decoder_of == {"title": "title", "gaps": "title", "note": "note"}


def test_a_kind_may_put_something_in_a_decoder_s_place():
    network = written_by(["title", "gaps"], objective="pieces")
    assert isinstance(network.layers.decoders["gaps"], MLMHead)
    assert network.layers.decoders["gaps"].name == "gaps_decoder"
    assert network.layers.decoders["title"].max_length == 3


@pytest.mark.parametrize(
    ("names", "encoder", "message"),
    [
        (["same"], {}, "task 'same' reads pairs of texts, which cannot be divided"),
        (["books"], {"type": "gpt"}, "'gpt' is causal, and its last token sees only the last window"),
    ],
)
def test_what_cannot_be_read_in_windows_is_refused(build, names, encoder, message):
    with pytest.raises(ConfigurationError) as caught:
        build(names, encoder={**ENCODER, **encoder, "text_overflow": "windows"})
    assert str(caught.value).startswith(f"model.encoder.text_overflow: windows: {message}")


def test_linear_experts_are_for_tasks_of_single_texts_that_classify(build):
    model, _ = build(list(TASKS), linear_expert={"buckets": 10, "order": 1})
    experts = model.network.layers.linear_experts
    assert experts.classes == {"books": 2, "films": 2, "desk": 2}
    assert (experts.options.buckets, experts.options.order, experts.vocabulary_size) == (10, 1, 20)
    assert build(["same", "stars"], linear_expert={})[0].network.layers.linear_experts is None
    assert build(["books"])[0].network.layers.linear_experts is None


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_lower_precision_gives_float32_outputs_and_trains(make_experiment, data, precision):
    batch = next(iter(batches(data.tables, data.plan)))
    model, update = compile_model(make_experiment(training={"precision": precision}), data)
    before = [np.array(variable) for variable in model.trainable_variables]
    # The first scales of a float16 loss are too large: such updates are left out, and the scale is halved.
    logs = model.fit(tf.data.Dataset.from_tensors(batch).repeat(12), verbose=0).history
    assert all(np.isfinite(values).all() for values in logs.values())
    assert np.isfinite(update.losses.numpy()).all() and (update.losses.numpy() > 0).all()
    assert np.isfinite(update.gradient_norm.numpy())
    assert all(output.dtype == "float32" for output in model.output.values())
    assert all(variable.dtype == "float32" for variable in model.trainable_variables)
    assert sum(np.abs(np.array(v) - b).sum() for v, b in zip(model.trainable_variables, before, strict=True)) > 0
