"""Which addresses are whose, for who is asked to connect to one; core/outbound.py connects."""

from __future__ import annotations

import ipaddress

LONGEST_URL = 4096
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NOT_PUBLIC = tuple(map(ipaddress.ip_network, (
    "100.64.0.0/10",  # shared by a provider's customers, some clouds keep their metadata here
    "192.0.0.0/24",  # protocol assignments; a cloud's metadata at 192.0.0.192
    "192.88.99.0/24",  # 6to4 relays
    "168.63.129.16/32",  # a cloud's inner service at an address that looks public
    "2001::/23",  # protocol assignments, Teredo among them
    "2001:db8::/32", "3fff::/20",  # documentation
    "2002::/16",  # 6to4: an IPv4 address inside
)))  # fmt: skip
"""Beyond what ``is_global`` of every Python we run on knows."""
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
"""All global unicast there is. Mapped and translated IPv4 (::ffff:0:0/96, 64:ff9b::/96) is outside of it."""
_OWN = tuple(map(ipaddress.ip_network, (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7",
)))  # fmt: skip


def is_public(address: Address) -> bool:
    """Whether this is a place on the public Internet and nothing else.

    >>> [is_public(ipaddress.ip_address(one)) for one in ("8.8.8.8", "127.0.0.1", "64:ff9b::808:808")]
    [True, False, False]
    """
    if address.version == 6 and address not in _PUBLIC_IPV6:
        return False
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special and not any(address in network for network in _NOT_PUBLIC)


def is_public_or_own(address: Address) -> bool:
    """As ``is_public``, or of this machine or a private network. What is neither stays shut: link-local
    addresses, where clouds keep their machines' passwords, among them.

    >>> [is_public_or_own(ipaddress.ip_address(one)) for one in ("8.8.8.8", "10.1.2.3", "169.254.169.254")]
    [True, True, False]
    """
    return is_public(address) or any(address in network for network in _OWN)
