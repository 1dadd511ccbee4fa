"""Instructions and label words behind texts, compared with KerasHub's public model of one row without padding."""

import keras
import keras_hub
import numpy as np
import pytest

from tests.presets import save_preset
from tfmtl.config.experiment import parse
from tfmtl.core.errors import ConfigurationError
from tfmtl.data.columns import DenseColumn
from tfmtl.data.special_tokens import END_ID, PAD_ID, START_ID
from tfmtl.data.tables import Slice, target_name
from tfmtl.data.tokenizers.preset import NEW_ROW, load_tokenizer, piece_order
from tfmtl.data.wording import Wording
from tfmtl.models.build import build_model

TEXTS = [[START_ID, 9, 5, 7, END_ID], [START_ID, 6, END_ID]]
TOKENS = np.array([[*text, *[PAD_ID] * (5 - len(text))] for text in TEXTS], np.int32)
WORDS = ((START_ID, 8, END_ID), (START_ID, 10, 5, 12, END_ID))
TITLES = np.array([[START_ID, 7, 7, END_ID], [START_ID, 11, END_ID, PAD_ID]], np.int32)
WORDINGS = {
    "said": Wording((14, 6, 9), WORDS),
    "bare": Wording((), WORDS),
    "pooled": Wording((5, 13)),
    "title": Wording((6, 15, 8)),
}
CLASSIFIED = {"kind": "classification", "source": "s", "labels": ["a", "b"]}
TASKS = {
    "said": {**CLASSIFIED, "label_words": True},
    "bare": {**CLASSIFIED, "label_words": True},
    "pooled": CLASSIFIED,
    "title": {"kind": "summarization", "source": "s", "max_length": 4},
    "note": {"kind": "summarization", "source": "s", "max_length": 6},
}


def built(folder, names=tuple(WORDINGS), wordings=WORDINGS, **model):
    encoder = {"type": "preset", "preset": str(folder), "max_length": 8, **model.pop("encoder", {})}
    experiment = parse(
        {
            "sources": {"s": {"format": "tsv", "train": "a.tsv"}},
            "tasks": {name: TASKS[name] for name in names},
            "model": {"encoder": encoder, "decoder": {"copy": False}, **model},
        }
    )
    columns = dict.fromkeys(names, DenseColumn(np.array([0, 1], np.int32)))
    written = tuple(name for name in names if TASKS[name]["kind"] == "summarization")
    slices = [Slice("tokens", tuple(name for name in names if name not in written), written)]
    rows = len(piece_order(load_tokenizer(str(folder))))
    wordings = {name: wordings[name] for name in names if name in wordings}
    return build_model(experiment.model, experiment.tasks, slices, columns, rows, "float32", wordings)


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    return save_preset("gpt2", tmp_path_factory.mktemp("gpt2"))


@pytest.fixture(scope="module")
def model(preset):
    return built(preset)


@pytest.fixture(scope="module")
def public(preset, model):
    """Returns the states of a row by KerasHub's backbone, `[length, hidden]`, and its logits by the model's rows."""
    backbone = keras_hub.models.Backbone.from_preset(str(preset))
    order = piece_order(load_tokenizer(str(preset)))
    # GPT-2 has no start mark, but begins a text with its end mark.
    order = np.where(order == NEW_ROW, order[END_ID], order)
    rows = model.network.layers.embedding.embeddings.numpy()

    def of(ids):
        own = order[np.array([ids])]
        states = backbone({"token_ids": own, "padding_mask": np.ones_like(own)})[0].numpy()
        return states, states @ rows.T

    return of


def log_likelihoods(public, read, written):
    """Returns the log-likelihood of each token that is written behind others."""
    logits = public([*read, *written])[1][len(read) - 1 : -1].astype(np.float64)
    logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return logits[np.arange(len(written)), list(written)]


@pytest.fixture(scope="module")
def outputs(model):
    return {name: np.array(value) for name, value in model({"tokens": TOKENS, target_name("title"): TITLES}).items()}


@pytest.mark.parametrize("task", ["said", "bare"])
def test_label_words_are_scored_by_their_log_likelihood(outputs, public, task):
    for row, text in enumerate(TEXTS):
        # Without an instruction, the start mark is read before the words.
        read = [*text, *(WORDINGS[task].instruction or [START_ID])]
        expected = [log_likelihoods(public, read, words[1:]).sum() for words in WORDS]
        np.testing.assert_allclose(outputs[task][row], expected, rtol=1e-5)


def test_a_title_is_written_behind_its_instruction(outputs, public):
    for row, text in enumerate(TEXTS):
        written = [token for token in TITLES[row, 1:] if token != PAD_ID]
        expected = log_likelihoods(public, [*text, *WORDINGS["title"].instruction], written)
        np.testing.assert_allclose(outputs["title"][row, : len(written)], expected, rtol=1e-5)


def test_a_head_reads_the_last_token_of_the_instruction(model, outputs, public):
    kernel, bias = model.network.layers.heads["pooled"].output_layer.get_weights()
    for row, text in enumerate(TEXTS):
        states = public([*text, *WORDINGS["pooled"].instruction])[0]
        np.testing.assert_allclose(outputs["pooled"][row], states[-1] @ kernel + bias, rtol=1e-4, atol=1e-5)


def test_token_by_token_it_writes_as_at_once(model, outputs):
    encoded = model.network.encode(TOKENS)
    writer = model.network.writer("title")
    cache, context = writer.initial_cache(encoded, "title"), writer.context(encoded, "title")
    for position in range(TITLES.shape[1] - 1):
        said, cache = writer.step(TITLES[:, position], position, cache, context)
        found = np.array(said)[np.arange(2), TITLES[:, position + 1]]
        real = TITLES[:, position + 1] != PAD_ID
        np.testing.assert_allclose(found[real], outputs["title"][real, position], rtol=1e-5)


def test_the_states_of_a_text_do_not_depend_on_instructions(model, preset):
    found, expected = (
        each.network.encode(TOKENS).states["title"].last for each in (model, built(preset, ("title",), {}))
    )
    np.testing.assert_array_equal(found, expected)


def test_a_saved_model_keeps_words_and_instructions(model, outputs, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    found = loaded({"tokens": TOKENS, target_name("title"): TITLES})
    for name, expected in outputs.items():
        np.testing.assert_array_equal(found[name], expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sharing": {"type": "mmoe"}}, r"tasks\.said\.instruction: .* 'model\.sharing: hard', found 'mmoe'"),
        (
            {"encoder": {"max_length": 60}},
            r"tasks\.said\.instruction: .* 64 tokens; a text of 60 and what follows it, 6, ",
        ),
        (
            {"encoder": {"pretrained_decoder": False}},
            r"tasks\.said\.instruction: this encoder cannot read an ins",
        ),
    ],
)
def test_words_that_a_model_cannot_read_are_named(preset, changes, message):
    with pytest.raises(ConfigurationError, match=message):
        built(preset, ("said", "title"), **changes)


def test_two_tasks_of_an_encoder_write_with_predictions_of_their_own(tmp_path):
    model = built(save_preset("bert", tmp_path), ("title", "note"), {})
    decoders = model.network.layers.decoders
    paths = [[variable.path for variable in decoders[name].trainable_variables] for name in ("title", "note")]
    assert len(paths[0]) == len(paths[1]) == 5 and not set(paths[0]) & set(paths[1])
    inputs = {"tokens": TOKENS, target_name("title"): TITLES, target_name("note"): TITLES}
    before = model(inputs)
    decoders["note"].transform.bias.assign_add(np.arange(8, dtype=np.float32))
    after = model(inputs)
    np.testing.assert_array_equal(after["title"], before["title"])
    assert np.abs(after["note"] - before["note"]).max() > 1e-3
