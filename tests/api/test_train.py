from pathlib import Path

import pytest
import yaml

from tfmtl.api.train import run_folder, train
from tfmtl.core.errors import RunError


def test_a_training_goes_into_the_folder_of_its_name_where_no_other_is_given(here, experiment):
    values = {key: value for key, value in experiment.as_mapping().items() if key != "name"}
    (here / "letters.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    (here / "named.yaml").write_text(experiment.to_yaml(), encoding="utf-8")
    (here / "runs").mkdir()
    for name in ("tiny", "letters", "other"):
        (here / "runs" / name).write_text("mine", encoding="utf-8")
    calls = {
        "runs/tiny": [(experiment,), (here / "named.yaml",)],
        "runs/letters": [("letters.yaml",)],
        "runs/other": [(experiment, "runs/other"), ("letters.yaml", Path("runs/other"))],
    }
    for folder, several in calls.items():
        for arguments in several:
            with pytest.raises(RunError) as caught:
                train(*arguments)
            assert str(caught.value) == f"{folder}: this is a file, not a folder; choose another by 'run'"


def test_the_folder_of_a_run_is_that_of_its_name(experiment):
    assert run_folder(experiment).path == Path("runs/tiny")
