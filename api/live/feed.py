"""From the log's events to messages: what happened, at once, and what did not happen after all."""

import logging
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Annotated

import msgspec
from msgspec import Meta

from api.live.message import MARKET, Message, token_room
from api.representations import Trade, trade
from domain.events import (
    AnyEvent,
    CompletionTraded,
    CurveTraded,
    PoolTraded,
    SlotAbandoned,
    SlotConfirmed,
    SolPriced,
    TokenCreated,
    TokenMigrated,
)
from domain.log import Recorded
from domain.position import PositionOutOfRangeError
from projections.dollars import coin_usd
from projections.trades import Trades

TOLD_SLOTS_MAX = 512
"""Slots of which it is remembered what was told, so that it can be taken back."""

_log = logging.getLogger(__name__)
_TRADES = Trades()
_encode = msgspec.json.Encoder().encode


class _Told(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What every message says."""

    sequence: Annotated[int, Meta(description="The log's sequence of the event.")]
    provisional: Annotated[
        bool, Meta(description="Whether the slot is not certified yet, and may be taken back.")
    ]


class TradeTold(_Told, frozen=True, kw_only=True, rename="camel"):
    """A trade, as REST shows it; its dollars are by the newest price, until it is certified."""

    trade: Trade


class LaunchTold(_Told, frozen=True, kw_only=True, rename="camel"):
    """A token was launched."""

    id: str
    slot: int
    time: int
    mint: str
    name: str
    symbol: str
    uri: str
    creator: str
    bonding_curve: str
    quote_mint: str


class GraduationTold(_Told, frozen=True, kw_only=True, rename="camel"):
    """A token has left its curve for a pool."""

    id: str
    slot: int
    time: int
    mint: str
    pool: str


class CorrectionTold(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was told of a slot did not happen: its fork has died."""

    sequence: int
    slot: int
    ids: list[str]
    """Of the trades, launches and graduations that are taken back."""


class Feed:
    """Turns the log, in its sequence, into messages; pure but for what it has told."""

    def __init__(self, sol_usd: Fraction | None = None) -> None:
        """`sol_usd` is the price to begin with, in dollars."""
        self._sol_usd = sol_usd
        self._told: OrderedDict[int, dict[str, list[str]]] = OrderedDict()
        """By slot and mint, the ids that were told."""
        self._slots_of: dict[str, tuple[int, ...]] = {}
        """By id, the slots of which it was told: with a fork, a transaction may be in several."""

    def take(self, batch: Sequence[Recorded]) -> list[Message]:
        """The messages of some events, in their order."""
        messages: list[Message] = []
        for recorded in batch:
            event = recorded.event
            if isinstance(event, SlotConfirmed):
                continue
            if isinstance(event, SolPriced):
                self._sol_usd = event.price * Fraction(10) ** event.exponent
                continue
            if isinstance(event, SlotAbandoned):
                messages += self._taken_back(recorded.sequence, event.slot)
                continue
            try:
                messages += self._messages(recorded, event)
            except PositionOutOfRangeError as error:
                _log.warning("sequence %d is not told: %s", recorded.sequence, error)
        return messages

    def _messages(self, recorded: Recorded, event: AnyEvent) -> Iterator[Message]:
        if isinstance(event, CurveTraded | PoolTraded | CompletionTraded):
            (row,) = _TRADES.apply((recorded,))
            told = TradeTold(
                sequence=recorded.sequence,
                provisional=event.provisional,
                trade=trade(row, coin_usd(row.quote_mint, self._sol_usd)),
            )
            yield from self._both(recorded, event, "trade", _encode(told))
        elif isinstance(event, TokenCreated):
            launched = LaunchTold(
                sequence=recorded.sequence,
                provisional=event.provisional,
                id=event.id,
                slot=event.pos.slot,
                time=event.block_time_s,
                mint=event.mint,
                name=event.name,
                symbol=event.symbol,
                uri=event.uri,
                creator=event.creator or event.user,
                bonding_curve=event.bonding_curve,
                quote_mint=event.quote_mint,
            )
            yield from self._both(recorded, event, "launch", _encode(launched))
        elif isinstance(event, TokenMigrated):
            gone = GraduationTold(
                sequence=recorded.sequence,
                provisional=event.provisional,
                id=event.id,
                slot=event.pos.slot,
                time=event.block_time_s,
                mint=event.mint,
                pool=event.pool,
            )
            yield from self._both(recorded, event, "graduation", _encode(gone))

    def _both(
        self,
        recorded: Recorded,
        event: CurveTraded | PoolTraded | CompletionTraded | TokenCreated | TokenMigrated,
        name: str,
        body: bytes,
    ) -> Iterator[Message]:
        """The same to those who watch the token, and to those who watch all."""
        slot, sequence, ids = event.pos.slot, recorded.sequence, (event.id,)
        of_slot = self._told.get(slot)
        if of_slot is None:
            of_slot = self._told[slot] = {}
            if len(self._told) > TOLD_SLOTS_MAX:
                oldest, told = self._told.popitem(last=False)
                for each in told.values():
                    self._nowhere_else(oldest, each)
        slots = self._slots_of.get(event.id, ())
        if slot not in slots:
            self._slots_of[event.id] = (*slots, slot)
            of_slot.setdefault(event.mint, []).append(event.id)
        yield Message(token_room(event.mint), name, sequence, body, ids)
        yield Message(MARKET, f"{MARKET}:{name}", sequence, body, ids)

    def _taken_back(self, sequence: int, slot: int) -> Iterator[Message]:
        told = {
            mint: gone
            for mint, ids in self._told.pop(slot, {}).items()
            if (gone := self._nowhere_else(slot, ids))
        }
        for mint, ids in told.items():
            body = _encode(CorrectionTold(sequence=sequence, slot=slot, ids=ids))
            yield Message(token_room(mint), "correction", sequence, body)
        if told:
            every = [id_ for ids in told.values() for id_ in ids]
            body = _encode(CorrectionTold(sequence=sequence, slot=slot, ids=every))
            yield Message(MARKET, f"{MARKET}:correction", sequence, body)

    def _nowhere_else(self, slot: int, ids: Sequence[str]) -> list[str]:
        """Those that stand in no other slot, now that this one is forgotten."""
        gone = []
        for id_ in ids:
            others = tuple(each for each in self._slots_of.pop(id_, ()) if each != slot)
            if others:
                self._slots_of[id_] = others
            else:
                gone.append(id_)
        return gone
