"""Converts a model's float32 answers to numbers that JSON can hold."""

import numpy as np


def round_trip_float(value: np.floating) -> float:
    """Returns the number with the fewest digits that reads back as the same value in the precision of `value`.

    Raises:
        ValueError: if it is not finite; JSON has no such numbers.
    """
    if not np.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return float(str(value))
