"""Who asks: by what requests are told apart when they share what a server has."""

import ipaddress
import re
from collections.abc import Hashable
from urllib.parse import unquote

_PEER = re.compile(r"ipv[46]:\[?([^\]]+)\]?:(\d+)")
_OF_ONE_NETWORK = 64
"""The bits of an IPv6 address that one customer of a network usually has to itself."""


def client_at(host: str, port: int) -> Hashable:
    """Returns what stands for the client at an address: the address, or on this machine the connection.

    Programs on this machine have the same address, and nothing but their connections tells them apart.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host, port
    if address.is_loopback:
        return host, port
    if address.version == 6 and address.ipv4_mapped is None:
        return ipaddress.ip_network((address, _OF_ONE_NETWORK), strict=False)
    return address


def client_of_peer(peer: str) -> Hashable:
    """Returns what stands for the client that gRPC calls `peer`, such as `ipv4:127.0.0.1:50000`."""
    found = _PEER.fullmatch(unquote(peer))
    return client_at(found[1], int(found[2])) if found else peer
