import pytest

from tfmtl.core.errors import RunError
from tfmtl.core.parts import check_is_no_part


@pytest.mark.parametrize("name", ["config.yaml", "1/saved_model.pb", "1/variables/variables.index", "link/rows.json"])
def test_what_a_folder_is_made_of_is_refused(tmp_path, name):
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "link").symlink_to(folder)
    with pytest.raises(RunError, match=f"{name}: this is a part of .*made, which would be damaged"):
        check_is_no_part(folder / name, folder)


@pytest.mark.parametrize(
    "name", ["made/evaluation_test.json", "made/answers.jsonl", "config.yaml", "made/../rows.json"]
)
def test_what_is_none_or_elsewhere_is_not(tmp_path, name):
    (tmp_path / "made").mkdir()
    check_is_no_part(tmp_path / name, tmp_path / "made")
