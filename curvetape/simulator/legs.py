"""One trade of a transaction: amounts, events and balances, settled only if it lands."""

from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

from curvetape.simulator.calls import Form
from curvetape.simulator.events import Pending

LEGS_MAX = 4
"""Trades in one transaction."""

u64 = Struct("<Q").pack


class Balance(NamedTuple):
    """A token account's balance before and after; None where it does not exist."""

    account: str
    mint_texts: tuple[bytes, bytes]
    owner: bytes
    decimals: int
    before: int | None
    after: int | None


class Leg(NamedTuple):
    """A trade as it will stand in a transaction."""

    form: Form
    values: dict[str, bytes]
    events: list[Pending]
    lamports: dict[str, tuple[int, int]]
    """Of accounts other than the user's."""
    balances: list[Balance]
    user_lamports: int
    """What the user gains, or loses when negative."""
    wrapped: int
    """Lamports that have to be wrapped for it."""
    settle: Callable[[], None]
    """Make the market remember it."""


def names(*parts: str) -> list[tuple[str, ...]]:
    """The names of a leg's holes, for each leg of a transaction."""
    return [tuple(f"{part}.{leg}" for part in parts) for leg in range(LEGS_MAX)]


def hold_events(values: dict[str, bytes], leg: int, events: list[Pending]) -> tuple[int, ...]:
    """Put the events into their holes; their sizes, which decide the form."""
    for number, event in enumerate(events):
        values[f"event.{leg}.{number}"] = event.data
        values[f"log.event.{leg}.{number}"] = event.logged
    return tuple(len(event.data) for event in events)
