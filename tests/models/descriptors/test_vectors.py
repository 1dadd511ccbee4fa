import keras_hub
import numpy as np
import pytest

from tests.presets import save_preset
from tfmtl.config.experiment import parse
from tfmtl.core.errors import ConfigurationError
from tfmtl.data.tokenizers.preset import PresetTokenizer
from tfmtl.models.descriptors.vectors import descriptor_vectors


def described(descriptors, **encoder):
    tasks = {
        name: {"kind": "classification", "source": "s", "labels": ["bad", "good"], "descriptor": descriptor}
        for name, descriptor in descriptors.items()
    }
    values = {"tasks": tasks, "sources": {"s": {"train": "a.csv"}}, "model": {"descriptors": "bilinear"}}
    return parse({**values, "model": {**values["model"], **({"encoder": encoder} if encoder else {})}})


def test_values_are_taken_as_they_are_and_all_tasks_have_one_attribute_in_common():
    experiment = described({"books": [1, 0], "films": [0.0, 2.5]})
    found = descriptor_vectors(experiment.tasks, experiment.model, None)
    assert found == {"books": (1.0, 0.0, 1.0), "films": (0.0, 2.5, 1.0)}


def test_a_text_is_its_mean_state_in_the_preset_of_length_one(tmp_path):
    folder = save_preset("bert", tmp_path / "preset")
    texts = {"books": "the cat sleeps", "films": "a dog eats the fish"}
    experiment = described(texts, type="preset", preset=str(folder), max_length=16)
    tokenizer = PresetTokenizer(keras_hub.tokenizers.Tokenizer.from_preset(str(folder)))
    found = descriptor_vectors(experiment.tasks, experiment.model, tokenizer)
    backbone = keras_hub.models.Backbone.from_preset(str(folder))
    public = keras_hub.tokenizers.Tokenizer.from_preset(str(folder))
    for name, text in texts.items():
        marks = public.cls_token_id, public.sep_token_id
        ids = np.array([[marks[0], *np.array(public(text)), marks[1]]])
        inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": np.ones_like(ids)}
        states = np.array(backbone(inputs)["sequence_output"])[0].mean(axis=0)
        np.testing.assert_allclose(found[name], [*(states / np.linalg.norm(states)), 1.0], atol=1e-5)
    with pytest.raises(ConfigurationError, match=r"a descriptor needs 42 tokens, and at most 16 are read: 'the the"):
        long = described({"books": 40 * "the "}, type="preset", preset=str(folder), max_length=16)
        descriptor_vectors(long.tasks, long.model, tokenizer)


def test_a_form_without_a_described_task_is_told():
    experiment = described({"books": [1, 0]})
    tasks = {"books": experiment.tasks["books"].model_copy(update={"descriptor": None})}
    with pytest.raises(ConfigurationError, match=r"model.descriptors: no task has a 'descriptor'"):
        descriptor_vectors(tasks, experiment.model, None)
