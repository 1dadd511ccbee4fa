import pytest

from tfmtl.config.experiment import parse
from tfmtl.config.learning_rates import LearningRates
from tfmtl.core.errors import ConfigurationError

TASKS = {"topic": {"kind": "classification", "source": "rows"}}
SOURCES = {"rows": {"format": "tsv", "train": "train.tsv"}}
PRESET = {"encoder": {"type": "preset", "preset": "some/folder"}}


def training(model=None, **section):
    sections = {"model": model} if model else {}
    return parse({"sources": SOURCES, "tasks": TASKS, "training": section, **sections})


def test_a_number_is_the_rate_of_all_parts():
    experiment = training(learning_rate=0.5)
    assert experiment.training.learning_rate == 0.5
    assert experiment.as_mapping()["training"]["learning_rate"] == 0.5
    assert LearningRates.of(0.5) == LearningRates(trunk=0.5, heads=0.5, decoders=0.5)


def test_a_new_trunk_learns_at_one_rate_and_a_pretrained_one_more_slowly_than_what_is_new():
    assert training().training.learning_rate == 1e-3
    rates = training(PRESET).training.learning_rate
    assert rates.trunk <= 0.1 * min(rates.heads, rates.decoders)


def test_parts_that_are_omitted_have_the_rates_that_fit_the_trunk():
    by_default = training(PRESET).training.learning_rate
    assert training(PRESET, learning_rate={"heads": 0.25}).training.learning_rate == LearningRates(
        trunk=by_default.trunk, heads=0.25, decoders=by_default.decoders
    )
    assert training(learning_rate={"heads": 0.25}).training.learning_rate == LearningRates(
        trunk=1e-3, heads=0.25, decoders=1e-3
    )


def test_parts_that_a_stage_omits_have_the_rates_of_the_training():
    given = {"trunk": 0.5, "heads": 0.25, "decoders": 0.125}
    stages = [{"learning_rate": {"trunk": 2.0}}, {"learning_rate": 0.75}, {}]
    rates = [stage.learning_rate for stage in training(learning_rate=given, stages=stages).stages]
    assert rates == [LearningRates(**{**given, "trunk": 2.0}), 0.75, LearningRates(**given)]


def test_a_resolved_experiment_parses_to_itself():
    experiment = training(PRESET, learning_rate={"heads": 0.25}, stages=[{"learning_rate": {"trunk": 2.0}}])
    assert parse(experiment.as_mapping()) == experiment


def test_factors_are_shares_of_the_largest_rate():
    rates = LearningRates(trunk=0.125, heads=0.5, decoders=0.25)
    assert rates.peak == 0.5
    assert rates.factors() == {"trunk": 0.25, "heads": 1.0, "decoders": 0.5}


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (True, "training.learning_rate: expected a number, found True"),
        (0, "training.learning_rate: input should be greater than 0, found 0"),
        ("fast", "training.learning_rate: expected a number, found"),
        ({"trunk": -1}, "training.learning_rate.trunk: input should be greater than 0, found -1"),
        ({"trnk": 1}, "training.learning_rate: unknown key 'trnk'; did you mean 'trunk'"),
    ],
)
def test_a_wrong_rate_is_named(rate, message):
    with pytest.raises(ConfigurationError) as error:
        training(learning_rate=rate)
    assert message in str(error.value)
