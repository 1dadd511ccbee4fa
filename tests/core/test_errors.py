import pytest

from tfmtl.core.errors import ConfigurationError, DataError, RunError, UserError, missing_file, nearest


@pytest.mark.parametrize("kind", [ConfigurationError, DataError, RunError])
def test_every_error_that_a_user_can_mend_is_a_user_error(kind):
    assert issubclass(kind, UserError)


def test_nearest_names_the_closest_and_then_all_sorted():
    assert nearest("lable", ["text", "label"]) == "did you mean 'label'? (known: label, text)"


def test_nearest_without_a_close_name_lists_all():
    assert nearest("zzz", ["text", "label"]) == "known: label, text"


def test_nearest_of_nothing():
    assert nearest("a", []) == "known: none"


def test_many_and_long_names_are_cut():
    sentence = nearest("zzz", [f"name{i:03d}" for i in range(100)] + ["a" * 1000])
    assert sentence.endswith(", and 71 more")
    assert len(sentence) < 500


def test_a_missing_file_is_named_with_the_nearest_one_that_is_there(tmp_path):
    for name in ("train.tsv", "test.tsv"):
        (tmp_path / name).touch()
    assert missing_file(tmp_path / "trian.tsv") == (
        f"{tmp_path}/trian.tsv: there is no such file; did you mean '{tmp_path}/train.tsv'?"
    )
    assert missing_file(tmp_path / "zzz") == f"{tmp_path}/zzz: there is no such file"
    assert missing_file(tmp_path / "a" / "b") == f"{tmp_path}/a/b: there is no such file, and no folder {tmp_path}/a"
