import math

import keras
import pytest

from tfmtl.training.learning_rate import WarmupThenDecay


def by_formula(step, peak, updates, warmup, decay):
    rise = warmup * updates
    if step + 1 <= rise:
        return peak * (step + 1) / rise
    passed = max(0.0, (step - rise) / (updates - rise))
    return peak * {"cosine": 0.5 * (1 + math.cos(math.pi * passed)), "linear": 1 - passed, "none": 1.0}[decay]


@pytest.mark.parametrize("decay", ["cosine", "linear", "none"])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5])
def test_it_rises_then_falls(decay, warmup):
    schedule = WarmupThenDecay(0.3, 40, warmup, decay)
    for step in range(40):
        assert float(schedule(step)) == pytest.approx(by_formula(step, 0.3, 40, warmup, decay), rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("decay", ["cosine", "linear"])
def test_it_ends_at_zero_and_stays_there(decay):
    schedule = WarmupThenDecay(0.3, 40, 0.1, decay)
    assert [float(schedule(step)) for step in (40, 50)] == pytest.approx([0.0, 0.0], abs=1e-7)


def test_a_training_that_only_rises_ends_at_the_peak():
    schedule = WarmupThenDecay(0.3, 10, 1.0, "cosine")
    assert [float(schedule(step)) for step in (0, 4, 9)] == pytest.approx([0.03, 0.15, 0.3])


def test_a_single_update_has_the_peak():
    assert float(WarmupThenDecay(0.3, 1, 0.1, "cosine")(0)) == pytest.approx(0.3, rel=0.05)


def test_it_can_be_saved():
    schedule = WarmupThenDecay(0.3, 10, 0.2, "linear")
    saved = keras.optimizers.schedules.serialize(schedule)
    assert keras.optimizers.schedules.deserialize(saved).get_config() == schedule.get_config()
