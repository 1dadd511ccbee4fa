import numpy as np
import pytest
from pydantic import ValidationError

from tfmtl.core.registry import SCHEDULES
from tfmtl.data.schedules.annealed import AnnealedOptions

annealed = SCHEDULES.get("annealed").build
SIZES = np.array([2, 64])


@pytest.mark.parametrize(("epoch", "exponent"), [(0, 1.0), (2, 0.6), (4, 0.2)])
def test_the_exponent_falls_from_one_to_a_fifth(epoch, exponent):
    expected = SIZES**exponent / (SIZES**exponent).sum()
    np.testing.assert_allclose(annealed(SIZES, epoch, 5, AnnealedOptions()), expected)


def test_a_single_epoch_is_proportional():
    np.testing.assert_allclose(annealed(SIZES, 0, 1, AnnealedOptions()), SIZES / 66)


def test_the_fall_can_be_chosen():
    np.testing.assert_allclose(annealed(SIZES, 1, 2, AnnealedOptions(fall=1.0)), [0.5, 0.5])
    with pytest.raises(ValidationError):
        AnnealedOptions(fall=1.1)
