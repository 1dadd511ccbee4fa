"""Converts a model's float32 answers to numbers that JSON can hold."""

import numpy as np


def round_trip_float(value: np.floating) -> float:
    """Returns the number with the fewest digits that reads back as the same value in the precision of `value`."""
    return float(str(value))
