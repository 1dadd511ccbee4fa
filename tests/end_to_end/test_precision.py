"""Training in half precision."""

import math

import pytest

from tfmtl.cli import main
from tfmtl.training.checkpoints import Checkpoints


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_losses_stay_finite_and_fall(configure, tmp_path, precision):
    config = configure(training={"precision": precision, "epochs": 2})
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(config), "--run", str(tmp_path / "run")])
    assert not stopped.value.code
    checkpoint = Checkpoints(tmp_path / "run" / "checkpoints").latest()
    first, last = checkpoint.state["history"]
    assert all(math.isfinite(value) for row in (first, last) for value in row.values())
    for task in ("subject", "title", "goodness"):
        assert last[f"val_{task}_loss"] < first[f"val_{task}_loss"]
