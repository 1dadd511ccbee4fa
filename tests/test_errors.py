import pytest

from tfmtl.errors import ConfigurationError, DataError, RunError, UserError, nearest


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
