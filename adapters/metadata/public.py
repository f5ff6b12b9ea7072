"""Which addresses are those of the public internet, and which are somebody's own network."""

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_CARRYING = (
    IPv6Network("64:ff9b::/96"),  # NAT64 (RFC 6052)
    IPv6Network("::ffff:0:0/96"),  # mapped (RFC 4291)
    IPv6Network("::ffff:0:0:0/96"),  # translated (RFC 2765)
    IPv6Network("::/96"),  # compatible (RFC 4291), which holds `::` and `::1` as well
)
"""Networks whose last 32 bits are the IPv4 address that is reached in the end."""
_NEVER = (
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of one's own network (RFC 8215)
    IPv6Network("2001::/32"),  # Teredo: the IPv4 address in it is scrambled
    IPv6Network("fec0::/10"),  # site-local (RFC 3879)
)
_SIX_TO_FOUR = IPv6Network("2002::/16")
_GLOBAL = IPv6Network("2000::/3")
_OWN = (
    IPv4Network("192.0.0.0/24"),  # of protocols, and a cloud's metadata; older Pythons let it pass
    IPv4Network("168.63.129.16/32"),  # public by its number, answered by a cloud's own machine
)


def is_public(address: str) -> bool:
    """Whether an IP address in text can belong to anybody on the internet."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return _is_public_4(parsed)
    return _is_public_6(parsed)


def _is_public_4(address: IPv4Address) -> bool:
    if any(address in network for network in _OWN) or address.is_multicast or address.is_reserved:
        return False
    return address.is_global


def _is_public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None or any(address in network for network in _NEVER):
        return False
    if any(address in network for network in _CARRYING):
        return _is_public_4(IPv4Address(address.packed[-4:]))
    if address in _SIX_TO_FOUR:
        return _is_public_4(IPv4Address(address.packed[2:6]))
    return address in _GLOBAL and address.is_global
