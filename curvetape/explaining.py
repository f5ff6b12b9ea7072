"""What the log and the read models hold of one transaction."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import pyarrow as pa

from adapters.archive import chain
from adapters.archive.log import StoredLog, check_same
from adapters.archive.segment import in_sequence
from adapters.archive.selection import Selection, selected
from domain.archive import ArchiveStore
from domain.events import AnyEvent, MintEvent, ProgramEvent, SlotAbandoned, SlotConfirmed, decode
from domain.log import LogError, Recorded
from projections.candles import Candles
from projections.price import fill
from projections.reads import CandleRow, Reads, TokenRow, market_cap

READ_BATCH_MAX = 4_096
_DECISIONS = ("slot.confirmed", "slot.abandoned")
_SUBJECTS = tuple(f"pump.{kind}" for kind in _DECISIONS)


class UnknownTransactionError(LogError):
    """No event of the transaction is in what was searched."""

    def __init__(self, signature: str) -> None:
        super().__init__(
            f"no event of {signature} is in the log; either it concerns no program of ours, or it "
            "failed, or its slot is missing, which `curvetape audit slots` would show"
        )


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where on the chain the transaction is."""

    slot: int
    index: int
    block_time_s: int
    signer: str
    compute_units: int | None
    priority_fee_lamports: int | None


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the transaction."""

    sequence: int
    found_in: str
    """The segment's file, or `stream`."""
    state: Literal["counts", "taken back", "not decided"]
    event: AnyEvent
    price: float | None = None
    """The price that a trade leaves, in quote units per token unit."""


class MovedCandle(msgspec.Struct, frozen=True, kw_only=True):
    """A candle that a trade of the transaction is part of."""

    mint: str
    interval_s: int
    start_s: int
    now: CandleRow | None
    """As it is served; None where it is not, or where no read models were asked."""


class MovedToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token that the transaction is about, and what it is ranked by."""

    mint: str
    now: TokenRow | None
    ranked_by: dict[str, float | int | None]
    """Each ranking that an event of the transaction moves the token in, and its value there."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a transaction."""

    signature: str
    place: Place
    events: Sequence[Explained]
    certificate: SlotConfirmed | None
    certificate_sequence: int | None
    candles: Sequence[MovedCandle]
    tokens: Sequence[MovedToken]
    asked: bool
    """Whether read models were asked; without, `now` is None everywhere."""


class _Found(msgspec.Struct, frozen=True):
    sequence: int
    event: AnyEvent
    found_in: str


class Explaining:
    """One explanation, from an archive, a stream, or both, and from read models if there are."""

    def __init__(
        self, store: ArchiveStore | None, log: StoredLog | None, reads: Reads | None
    ) -> None:
        self._store = store
        self._log = log
        self._reads = reads

    async def explain(self, signature: str) -> Explanation:
        """Look for a signature; raises `UnknownTransactionError`, and other `LogError`s."""
        segments = [] if self._store is None else chain.manifests(self._store)
        if self._log is not None and self._store is not None and segments:
            await check_same(self._store, segments[-1], self._log)
        after = segments[-1].last_sequence if segments else 0
        found = self._sealed(Selection(signature=signature, uncounted=True))
        found += await self._streamed(after, signature)
        placed = [it for it in found if isinstance(it.event, ProgramEvent)]
        if not placed:
            raise UnknownTransactionError(signature)
        decisions = await self._decisions(after, {it.event.pos.slot for it in placed})
        explained = [_explained(it, decisions) for it in placed]
        counting = [it for it in explained if it.state == "counts"]
        last = (counting or explained)[-1]
        certificate = _certificate(last.event.pos.slot, last.sequence, decisions)
        return Explanation(
            signature=signature,
            place=_place(last.event),
            events=explained,
            certificate=None if certificate is None else certificate[1],
            certificate_sequence=None if certificate is None else certificate[0],
            candles=await self._candles(counting),
            tokens=await self._tokens(counting),
            asked=self._reads is not None,
        )

    def _sealed(self, selection: Selection) -> list[_Found]:
        found: list[_Found] = []
        if self._store is None:
            return found
        for segment in chain.manifests(self._store):
            if not selection.may_hold(segment):
                continue
            for tables in selected(chain.content_of(self._store, segment), selection, {}):
                for sequences, texts in in_sequence(tables):
                    payloads = texts.cast(pa.binary()).to_pylist()
                    found += [
                        _Found(sequence, decode(payload), segment.file)
                        for sequence, payload in zip(sequences.to_pylist(), payloads, strict=True)
                    ]
        return found

    async def _streamed(self, after: int, signature: str) -> list[_Found]:
        if self._log is None:
            return []
        sought = f'"id":"{signature}:'.encode()
        return [
            _Found(message.sequence, decode(message.payload), "stream")
            async for batch in self._log.read_stored(
                after=after, batch_max=READ_BATCH_MAX, follow=False
            )
            for message in batch
            if sought in message.payload
        ]

    async def _decisions(
        self, after: int, slots: set[int]
    ) -> list[tuple[int, SlotConfirmed | SlotAbandoned]]:
        """What the log says about some slots, in sequence."""
        selection = Selection(
            kinds=_DECISIONS, from_slot=min(slots), to_slot=max(slots), uncounted=True
        )
        found = [(it.sequence, it.event) for it in self._sealed(selection)]
        if self._log is not None:
            async for batch in self._log.read_stored(
                after=after, batch_max=READ_BATCH_MAX, follow=False, subjects=_SUBJECTS
            ):
                found += [(it.sequence, decode(it.payload)) for it in batch]
        return [
            (sequence, event)
            for sequence, event in found
            if isinstance(event, SlotConfirmed | SlotAbandoned) and event.slot in slots
        ]

    async def _candles(self, counting: Sequence[Explained]) -> list[MovedCandle]:
        changes = Candles().apply([Recorded(it.sequence, it.event) for it in counting])
        moved = []
        for mint, interval_s, start_s in sorted(changes.candles):
            now = []
            if self._reads is not None:
                now = list(
                    await self._reads.candles(
                        mint, interval_s=interval_s, from_s=start_s, to_s=start_s + 1, limit=1
                    )
                )
            moved.append(
                MovedCandle(
                    mint=mint, interval_s=interval_s, start_s=start_s, now=now[0] if now else None
                )
            )
        return moved

    async def _tokens(self, counting: Sequence[Explained]) -> list[MovedToken]:
        moved = []
        mints = dict.fromkeys(it.event.mint for it in counting if isinstance(it.event, MintEvent))
        for mint in mints:
            now = None if self._reads is None else await self._reads.token(mint)
            moved.append(MovedToken(mint=mint, now=now, ranked_by=_ranked_by(mint, counting, now)))
        return moved


def _explained(
    found: _Found, decisions: Sequence[tuple[int, SlotConfirmed | SlotAbandoned]]
) -> Explained:
    behind = [
        event
        for sequence, event in decisions
        if sequence > found.sequence and event.slot == found.event.pos.slot
    ]
    trade = fill(found.event)
    state: Literal["counts", "taken back", "not decided"] = "counts"
    if any(isinstance(event, SlotAbandoned) for event in behind):
        state = "taken back"
    elif found.event.provisional and not behind:
        state = "not decided"
    return Explained(
        sequence=found.sequence,
        found_in=found.found_in,
        state=state,
        event=found.event,
        price=None if trade is None else trade.price,
    )


def _certificate(
    slot: int, sequence: int, decisions: Sequence[tuple[int, SlotConfirmed | SlotAbandoned]]
) -> tuple[int, SlotConfirmed] | None:
    """The newest certificate of a slot behind a sequence."""
    found = [
        (at, event)
        for at, event in decisions
        if isinstance(event, SlotConfirmed) and event.slot == slot and at > sequence
    ]
    return found[-1] if found else None


def _place(event: AnyEvent) -> Place:
    assert isinstance(event, ProgramEvent), "only a program's events have a signature"
    return Place(
        slot=event.pos.slot,
        index=event.pos.tx,
        block_time_s=event.block_time_s,
        signer=event.signer,
        compute_units=event.compute_units,
        priority_fee_lamports=event.priority_fee_lamports,
    )


def _ranked_by(
    mint: str, counting: Sequence[Explained], now: TokenRow | None
) -> dict[str, float | int | None]:
    events = [it.event for it in counting if getattr(it.event, "mint", None) == mint]
    fills = [it for it in map(fill, events) if it is not None and it.canonical]
    ranked: dict[str, float | int | None] = {}
    if any(event.kind == "token.created" for event in events):
        ranked["created"] = None if now is None else now.created_time_s
    if fills:
        ranked["last_trade"] = None if now is None else now.last_trade_time_s
        ranked["market_cap"] = None if now is None else market_cap(now)
        ranked["volume"] = None if now is None else now.volume_quote
        ranked["trades"] = None if now is None else now.trades
    return ranked
