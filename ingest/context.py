"""What every event of a transaction shares, worked out once."""

from typing import Any

from solders.signature import Signature

from domain.chain import RawTransaction
from domain.position import Position
from domain.programs import NATIVE_SOL
from ingest.accounts import account_key
from ingest.balances import Balances
from ingest.layouts.types import address
from ingest.pool_mints import PoolMints
from ingest.wire import WireEvent

FEE_PER_SIGNATURE_LAMPORTS = 5_000


class Context:
    """A transaction as its events see it."""

    def __init__(self, tx: RawTransaction) -> None:
        self.tx = tx
        self.balances = Balances(tx)
        self.signature = signature_text(tx.signature)
        payer = account_key(tx, 0)
        self.signer = NATIVE_SOL if payer is None else address(payer)
        self.priority_fee_lamports = max(
            0, tx.fee_lamports - FEE_PER_SIGNATURE_LAMPORTS * tx.signature_count
        )
        self.pools: dict[str, PoolMints] = {}
        """What earlier events have proven about pools."""
        self.block_time_s = tx.block_time_s
        """The time of an event whose layout has none: that of another one, else the block's."""

    def common(self, event: WireEvent, time_s: int | None) -> dict[str, Any]:
        """The fields that every event has, of one that may say its own time."""
        tx, place = self.tx, event.place
        end, data = event.end, event.data
        return {
            "id": f"{self.signature}:{place.outer}.{place.inner}",
            "pos": Position(tx.slot, tx.index, place.outer, place.inner),
            "received_at_ns": tx.received_at_ns,
            "block_time_s": self.block_time_s if time_s is None else time_s,
            "signer": self.signer,
            "compute_units": tx.compute_units,
            "priority_fee_lamports": self.priority_fee_lamports,
            "layout": event.version.label,
            "tail": None if end == len(data) else data[end:].hex(),
        }


def signature_text(signature: bytes) -> str:
    """A signature's 64 bytes in base58; what is none, in hexadecimal."""
    return str(Signature.from_bytes(signature)) if len(signature) == 64 else signature.hex()
