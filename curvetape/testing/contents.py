"""What a product's log and read models hold, for tests that compare two of them."""

import hashlib

import asyncpg
import msgspec

from adapters.jetstream.connection import Connection
from adapters.jetstream.known import last_event
from adapters.jetstream.reader import JetStreamLog
from domain.events import ProgramEvent, SlotConfirmed, SolPriced
from projections.settling import Settling

READ_MODELS = (
    "candles",
    "candle_hours",
    "trades",
    "tokens",
    "token_burns",
    "token_reports",
    "portfolio_trades",
    "portfolio_positions",
    "portfolio_days",
    "search_documents",
    "search_waiting",
    "holders",
    "holder_launches",
    "holder_liquidity",
    "holder_counts",
)
TABLES = tuple("candle_rows" if name == "candles" else name for name in READ_MODELS)
"""What is written to for them."""
READ_BATCH_MAX = 5_000


class Contents(msgspec.Struct, frozen=True):
    """What counts in a log, and the rows of the read models, each in an order of their own."""

    ids: tuple[str, ...]
    """The ids of the events of certified slots that were not taken back, sorted."""
    certified: tuple[int, ...]
    """The slots with a certificate, in order."""
    rows: dict[str, int]
    """Rows by table."""
    digests: dict[str, str]
    """SHA-256 of all rows by table."""


async def log_length(nats_url: str) -> int:
    """How many events the log holds."""
    async with await Connection.open(nats_url) as connection:
        return await JetStreamLog(connection).last_sequence()


async def checkpoints(postgres_dsn: str) -> dict[str, int]:
    """How far each read model is."""
    connection = await asyncpg.connect(postgres_dsn, ssl=False)
    try:
        rows = await connection.fetch("select name, sequence from checkpoints")
        return {row["name"]: row["sequence"] for row in rows}
    finally:
        await connection.close()


async def certified_slot(nats_url: str) -> int:
    """The slot of the log's newest certificate, 0 for none."""
    async with await Connection.open(nats_url) as connection:
        last = await last_event(connection, SlotConfirmed)
    return 0 if last is None else last[1].slot


async def contents(nats_url: str, postgres_dsn: str) -> Contents:
    """Everything that a run over the same input has to give again.

    What a fork had and lost, and when that was noticed, may differ between two runs.
    """
    ids: list[str] = []
    slots: set[int] = set()
    settling = Settling()
    async with await Connection.open(nats_url) as connection:
        log = JetStreamLog(connection)
        async for batch in log.read(after=0, batch_max=READ_BATCH_MAX, follow=False):
            for settled in settling.take(batch):
                for recorded in settled.events:
                    event = recorded.event
                    if isinstance(event, ProgramEvent | SolPriced):
                        ids.append(event.id)
                    elif isinstance(event, SlotConfirmed):
                        slots.add(event.slot)
    rows: dict[str, int] = {}
    digests: dict[str, str] = {}
    database = await asyncpg.connect(postgres_dsn, ssl=False)
    try:
        for table in READ_MODELS:
            texts = [
                row[0]
                for row in await database.fetch(
                    f"select t::text from {table} t order by 1"  # noqa: S608  # our own names
                )
            ]
            rows[table] = len(texts)
            digests[table] = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    finally:
        await database.close()
    return Contents(tuple(sorted(ids)), tuple(sorted(slots)), rows, digests)
