"""How the answers of a model, which are float32, are written as JSON's numbers."""

import numpy as np


def round_trip_float(value: np.floating) -> float:
    """The number with the fewest digits that is read back as the same value of its own precision."""
    return float(str(value))
