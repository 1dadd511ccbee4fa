import shutil

import pytest

from tfmtl.api.export import export
from tfmtl.core.errors import RunError, UserError


def test_an_export_goes_into_the_folder_of_the_name_where_no_other_is_given(here, run):
    (here / "saved_models").mkdir()
    for name in ("tiny", "other"):
        (here / "saved_models" / name).write_text("mine", encoding="utf-8")
    for arguments, folder in {(run,): "tiny", (str(run.path), "saved_models/other"): "other"}.items():
        with pytest.raises(RunError) as caught:
            export(*arguments)
        assert str(caught.value).startswith(f"saved_models/{folder}: this is a file, not the folder of an export; ")


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(RunError) as caught:
        export(str(tmp_path / "none"))
    assert str(caught.value) == f"{tmp_path}/none: there is no such run folder"


def test_an_unknown_quantization_is_told_before_the_model_is_opened(run):
    with pytest.raises(UserError, match=r"^export: unknown quantization 'int9'; did you mean 'int8'\?"):
        export(run, quantize="int9")


def test_a_run_without_a_best_model_cannot_be_exported(run, tmp_path):
    begun = shutil.copytree(run.path, tmp_path / "begun", ignore=shutil.ignore_patterns("*.keras"))
    with pytest.raises(RunError) as caught:
        export(begun, tmp_path / "export")
    assert str(caught.value) == f"{begun}: no epoch of this run has been finished, or its best.keras was removed"
    assert not (tmp_path / "export").exists()
