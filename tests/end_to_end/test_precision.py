"""Training in half precision, whose losses are scaled; `mixed_bfloat16` differs by its dtype alone."""

import math

import pytest

from tfmtl.cli import main
from tfmtl.runs.checkpoints import Checkpoints


@pytest.mark.slow
def test_losses_stay_finite_and_fall(configure, tmp_path):
    config = configure(training={"precision": "mixed_float16", "epochs": 2})
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(config), "--run", str(tmp_path / "run")])
    assert not stopped.value.code
    checkpoint = Checkpoints(tmp_path / "run" / "checkpoints").latest()
    first, last = checkpoint.state["history"]
    assert all(math.isfinite(value) for row in (first, last) for value in row.values())
    for task in ("subject", "title", "goodness"):
        assert last[f"val_{task}_loss"] < first[f"val_{task}_loss"]
