"""What every event of a transaction shares, worked out once."""

from collections.abc import Sequence
from typing import Any

from solders.signature import Signature

from domain.chain import RawTransaction
from domain.events import ProgramEvent
from domain.position import Position
from domain.programs import NATIVE_SOL
from ingest.accounts import account_key
from ingest.balances import Balances
from ingest.layouts.types import address
from ingest.pool_mints import PoolMints
from ingest.wire import WireEvent

FEE_PER_SIGNATURE_LAMPORTS = 5_000


COMMON = ProgramEvent.__struct_fields__
"""The fields that every event of a program has."""


class Context:
    """A transaction as its events see it."""

    def __init__(self, tx: RawTransaction, events: Sequence[WireEvent]) -> None:
        self.tx = tx
        self.balances = Balances(tx)
        self.signature = signature_text(tx.signature)
        self.pools: dict[str, PoolMints] = {}
        """What earlier events have proven about pools."""
        self._events = events
        payer = account_key(tx, 0)
        self._signer = NATIVE_SOL if payer is None else address(payer)
        priority_fee = tx.fee_lamports - FEE_PER_SIGNATURE_LAMPORTS * tx.signature_count
        self._priority_fee_lamports = max(0, priority_fee)

    @property
    def block_time_s(self) -> int:
        """The time of an event whose layout has none: that of another one, else the block's."""
        said = (event.time_s for event in self._events)
        return next((time for time in said if time is not None), self.tx.block_time_s)

    def common(self, event: WireEvent, time_s: int | None) -> tuple[Any, ...]:
        """The values that every event has, of one that may say its own time: see `COMMON`."""
        tx, end, data = self.tx, event.end, event.data
        outer, inner = event.place.outer, event.place.inner
        return (
            f"{self.signature}:{outer}.{inner}",
            Position(tx.slot, tx.index, outer, inner),
            tx.received_at_ns,
            True,  # until its slot is proven
            self.block_time_s if time_s is None else time_s,
            self._signer,
            tx.compute_units,
            self._priority_fee_lamports,
            event.version.label,
            None if end == len(data) else data[end:].hex(),
        )

    def named(self, event: WireEvent, time_s: int | None) -> dict[str, Any]:
        """The same by their names."""
        return dict(zip(COMMON, self.common(event, time_s), strict=True))


def signature_text(signature: bytes) -> str:
    """A signature's 64 bytes in base58; what is none, in hexadecimal."""
    return str(Signature.from_bytes(signature)) if len(signature) == 64 else signature.hex()
