"""Numbers are written as short as their precision allows."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfmtl.core.round_trip_float import round_trip_float


def test_a_third_has_the_digits_of_float32():
    assert json.dumps(round_trip_float(np.float32(1 / 3))) == "0.33333334"
    assert json.dumps(float(np.float32(1 / 3))) == "0.3333333432674408"


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_it_is_read_back_as_it_was(value):
    assert np.float32(json.loads(json.dumps(round_trip_float(np.float32(value))))) == np.float32(value)
