"""Addresses of servers as everybody may read them."""

import re

_CREDENTIALS = re.compile(r"(?:(?<=//)|(?<=,)|^)[^/@,]*@")


def public(address: str) -> str:
    """A URL, or several by commas, without user, password and query."""
    return _CREDENTIALS.sub("", address).partition("?")[0]
