import pytest

from tfmtl.core.errors import DataError
from tfmtl.data.sources.source import require_fields


def test_fields_that_are_there_pass():
    require_fields(["a", "b"], ["b", "a", "c"], "x.tsv")


def test_a_field_that_is_not_there_is_answered_with_those_there_are():
    with pytest.raises(DataError) as caught:
        require_fields(["label", "abstrac"], ["label", "abstract"], "x.tsv")
    assert str(caught.value) == (
        "x.tsv: there is no column 'abstrac'; did you mean 'abstract'? (known: abstract, label)"
    )
