"""For whom a request counts, where limits and turns are per caller: a user, or an anonymous caller by the address."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vo_server.model.identity import Identity

__all__ = ["client_key"]

_IPV6_PREFIX: Final = 64
"""What one subscriber has of IPv6: who counts single addresses counts nobody twice."""


def client_key(caller: Identity, address: str | None) -> str:
    """Return for whom a request counts.

    Parameters
    ----------
    caller
        Who asks.
    address
        Address that the request came from, with proxies seen through; None where it is not known.

    Returns
    -------
    str
        ``user NAME``; else an IPv4 address or the /64 network of an IPv6 address; else the text as it is, empty for
        None: all of whom nothing is known are one client.
    """
    if caller.name is not None:
        return f"user {caller.name}"
    if not address:
        return ""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((found, _IPV6_PREFIX), strict=False))
