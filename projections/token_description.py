"""What a token's card shows of its metadata: texts as they were found, and links that are some."""

import re
from urllib.parse import urlsplit

import msgspec

from domain.events import TokenDescribed

_UNSAFE = re.compile(r"[\s\"'<>\\^`{}|]")
_HANDLE = re.compile(r"@?(\w{1,50})", re.ASCII)
_BARE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}([/?#].*)?", re.IGNORECASE)


class Described(msgspec.Struct, frozen=True, gc=False):
    """What an attempt found that was not in vain; a later one of the same token stands for it."""

    attempt: int
    description: str | None = None
    image: str | None = None
    twitter: str | None = None
    telegram: str | None = None
    website: str | None = None


def found(event: TokenDescribed) -> Described:
    """The description as a card shows it; of links only what leads to the web, or to IPFS."""
    return Described(
        event.attempt,
        event.description,
        _address(event.image, ("http", "https", "ipfs")),
        _page(event.twitter, "https://x.com/"),
        _page(event.telegram, "https://t.me/"),
        _page(event.website, None),
    )


def _page(text: str | None, handles_at: str | None) -> str | None:
    """A page's address; a name where people have names, and a host without a scheme, become one."""
    if text is None:
        return None
    if handles_at is not None and (handle := _HANDLE.fullmatch(text)) is not None:
        return handles_at + handle[1]
    return _address(f"https://{text}" if _BARE.fullmatch(text) else text, ("http", "https"))


def _address(text: str | None, schemes: tuple[str, ...]) -> str | None:
    if text is None or _UNSAFE.search(text) or not text.isprintable():
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    is_some = parts.scheme in schemes and parts.netloc and "@" not in parts.netloc
    return text if is_some else None
