import pytest

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.validation import validate
from tfmtl.serving.export.warmup import ALLOWED_BATCH_SIZES
from tfmtl.serving.server.options import ServerOptions


def test_a_batch_and_a_request_have_no_more_rows_than_are_warmed_up():
    assert ServerOptions().batch_size == ServerOptions().max_rows == max(ALLOWED_BATCH_SIZES)


@pytest.mark.parametrize(
    ("key", "value"),
    [("batch_size", 0), ("batch_delay", -1.0), ("max_request_bytes", 10), ("request_seconds", 0.0), ("versions", 0)],
)
def test_limits_that_serve_nothing_are_refused(key, value):
    with pytest.raises(ConfigurationError, match=rf"^serve\.{key}: "):
        validate(ServerOptions, {key: value}, "serve")
