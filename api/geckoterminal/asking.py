"""What is asked for in GeckoTerminal's way, and what cannot be."""

from typing import NoReturn

from api.foreign import Asked, ForeignError, Parameter, listed
from api.geckoterminal.shapes import Problem, Problems
from api.pairs import CHAIN

BASE = "/api/v2"
ADDRESSES_MAX = 30
PAGE_SIZE = 20
PAGE_MAX = 10

NETWORK = Parameter("network", "The network; there is only `solana`.", CHAIN)
INCLUDE = Parameter("include", "`base_token`, `quote_token` and `dex`, between commas.")
PAGE = Parameter("page", f"The page of {PAGE_SIZE}, from 1 to {PAGE_MAX}.")
READ = ("sol_prices", "tokens", "trades")
"""What figures of pools are made from."""


def check_network(asked: Asked) -> None:
    """404 for any network but the one; who names none means all of them."""
    if asked.get("network", CHAIN) != CHAIN:
        refuse(404, "Not Found")


def addresses_of(asked: Asked) -> list[str]:
    """Several addresses, or 400 for too many."""
    addresses = listed(asked["addresses"])
    if len(addresses) > ADDRESSES_MAX:
        refuse(400, f"Exceeded maximum of {ADDRESSES_MAX} addresses")
    return addresses


def page_of(asked: Asked) -> int:
    """The page's number, or 400."""
    page = number(asked, "page", 1)
    if not 1 <= page <= PAGE_MAX:
        refuse(400, f"page is from 1 to {PAGE_MAX}")
    return page


def number(asked: Asked, name: str, otherwise: int) -> int:
    """A whole number, or 400."""
    text = asked.get(name)
    if not text:
        return otherwise
    try:
        return int(text)
    except ValueError:
        return refuse(400, f"{name} is no number")


def refuse(status: int, title: str) -> NoReturn:
    """Answer with an error."""
    raise ForeignError(status, Problems(errors=[Problem(status=str(status), title=title)]))
