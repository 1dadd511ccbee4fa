import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tfmtl.core.registry import SCHEDULES
from tfmtl.data.schedules.temperature import TemperatureOptions

temperature = SCHEDULES.get("temperature").build


def test_the_cap_comes_before_the_temperature():
    # Capped at 100: sqrt(25), sqrt(100), sqrt(100), so 1 : 2 : 2.
    shares = temperature(np.array([25, 100, 1_000_000]), 0, 1, TemperatureOptions(temperature=2.0, cap=100))
    np.testing.assert_allclose(shares, [0.2, 0.4, 0.4])


def test_a_temperature_of_one_is_proportional_and_a_large_one_uniform():
    sizes = np.array([1, 3, 4])
    np.testing.assert_allclose(temperature(sizes, 0, 1, TemperatureOptions(temperature=1.0)), sizes / 8)
    np.testing.assert_allclose(temperature(sizes, 0, 1, TemperatureOptions(temperature=1e9)), [1 / 3] * 3, rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, 10**8), min_size=1, max_size=6),
    st.sampled_from(["temperature", "annealed", "uniform", "proportional"]),
    st.integers(1, 20).flatmap(lambda epochs: st.tuples(st.integers(0, epochs - 1), st.just(epochs))),
)
def test_every_schedule_gives_shares(sizes, name, time):
    entry = SCHEDULES.get(name)
    shares = entry.build(np.array(sizes), *time, entry.options())
    assert shares.shape == (len(sizes),)
    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("options", [{"temperature": 0}, {"cap": 0}, {"temperatur": 2}])
def test_options_are_checked(options):
    with pytest.raises(ValidationError):
        TemperatureOptions(**options)
