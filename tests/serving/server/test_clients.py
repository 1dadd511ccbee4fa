import pytest

from tfmtl.serving.server.clients import client_at, client_of_peer


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("10.0.0.7", 1), ("10.0.0.7", 2), True),
        (("10.0.0.7", 1), ("10.0.0.8", 1), False),
        (("127.0.0.1", 1), ("127.0.0.1", 1), True),
        (("127.0.0.1", 1), ("127.0.0.1", 2), False),
        (("::1", 1), ("::1", 2), False),
        (("2001:db8::1", 1), ("2001:db8::ffff:2", 2), True),
        (("2001:db8::1", 1), ("2001:db8:0:1::1", 1), False),
        (("::ffff:10.0.0.7", 1), ("::ffff:10.0.0.8", 1), False),
        (("no address", 1), ("no address", 1), True),
    ],
)
def test_addresses_are_clients_and_on_this_machine_connections(one, other, same):
    assert (client_at(*one) == client_at(*other)) == same


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.0.0.7:50000", ("10.0.0.7", 50000)),
        ("ipv4:127.0.0.1:50000", ("127.0.0.1", 50000)),
        ("ipv6:%5B::1%5D:50000", ("::1", 50000)),
        ("ipv6:[2001:db8::1]:50000", ("2001:db8::1", 50000)),
    ],
)
def test_grpc_and_rest_know_a_client_by_the_same(peer, address):
    assert client_of_peer(peer) == client_at(*address)


def test_what_is_no_address_is_its_own_client():
    assert client_of_peer("unix:/tmp/socket") == "unix:/tmp/socket"
