import pytest

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.validation import validate
from tfmtl.kinds.summarization.options import Summarization


def test_the_target_is_the_summary_field():
    assert Summarization(source="s", summary="title").target_fields == ("title",)


def test_the_contracts_metrics_are_always_measured():
    assert Summarization(source="s").all_metrics == ("rouge1", "rouge2", "rougeL", "rougeLsum")


def test_a_summary_has_room_for_a_piece_and_its_end():
    with pytest.raises(ConfigurationError, match=r"^tasks\.t\.max_length: "):
        validate(Summarization, {"source": "s", "max_length": 1}, "tasks.t")
