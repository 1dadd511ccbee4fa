import grpc
import pytest

from tfmtl.serving.server.faults import Fault, RequestError, shortened, without_paths


@pytest.mark.parametrize("fault", Fault)
def test_each_fault_has_an_http_status_of_its_side_and_a_grpc_code(fault):
    assert 400 <= fault.http_status < 600
    assert isinstance(fault.grpc_code, grpc.StatusCode) and fault.grpc_code is not grpc.StatusCode.OK
    # What the client did wrong is not said to be the server's, and the other way round.
    of_client = fault in (
        Fault.INVALID,
        Fault.FORBIDDEN,
        Fault.NOT_FOUND,
        Fault.SLOW_CLIENT,
        Fault.TOO_LARGE,
        Fault.OTHER_TYPE,
    )
    assert (fault.http_status < 500) == of_client


def test_a_long_message_loses_its_middle():
    message = "a" * 300 + "b" * 300
    assert shortened(message) == "a" * 200 + "..." + "b" * 200
    assert shortened("short") == "short"
    assert str(RequestError(Fault.INVALID, message)) == shortened(message)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("/srv/tiny/3: damaged: no '/srv/tiny/3/saved_model.pb'", "3: damaged: no 'saved_model.pb'"),
        ('File "/usr/lib/python3/site.py", line 3', 'File "site.py", line 3'),
        ("3/4 rows, a/b", "3/4 rows, a/b"),
        ("models/tiny/3: damaged", "models/tiny/3: damaged"),
    ],
)
def test_clients_are_told_no_absolute_paths(message, expected):
    assert without_paths(message) == expected
