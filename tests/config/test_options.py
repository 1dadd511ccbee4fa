import pytest

from tfmtl.config.options import (
    DecoderOptions,
    EvaluationOptions,
    GenerationOptions,
    LinearExpertOptions,
    ModelOptions,
    Stage,
    TrainingOptions,
)
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.validation import validate


def test_what_a_stage_leaves_out_is_as_the_training_says():
    training = TrainingOptions(epochs=7, learning_rate=0.5, warmup=0.25, decay="linear")
    whole = Stage(tasks=["b"], epochs=2, decay="none").completed(training, ["a", "b"])
    assert whole == Stage(tasks=["b"], epochs=2, learning_rate=0.5, warmup=0.25, decay="none")
    assert Stage().completed(training, ["a", "b"]).tasks == ["a", "b"]


@pytest.mark.parametrize(
    ("options", "key", "value"),
    [
        (DecoderOptions, "layers", 0),
        (DecoderOptions, "dropout", 1.0),
        (LinearExpertOptions, "order", 6),
        (LinearExpertOptions, "buckets", 0),
        (ModelOptions, "head_dropout", -0.1),
        (Stage, "epochs", -1),
        (Stage, "tasks", []),
        (Stage, "warmup", 1.5),
        (TrainingOptions, "batch_size", 0),
        (TrainingOptions, "ema_momentum", 1.0),
        (TrainingOptions, "learning_rate", 0.0),
        (TrainingOptions, "precision", "float64"),
        (GenerationOptions, "beams", 0),
        (GenerationOptions, "length_penalty", -1.0),
        (EvaluationOptions, "bootstrap_samples", 99),
    ],
)
def test_values_out_of_range_are_refused_with_their_key(options, key, value):
    with pytest.raises(ConfigurationError, match=rf"^section\.{key}: "):
        validate(options, {key: value}, "section")


def test_a_decoder_copies_under_the_key_of_that_name():
    assert validate(DecoderOptions, {"copy": False}, "model.decoder").copy_source is False
