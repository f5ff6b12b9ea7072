"""Cards in PostgreSQL show the last success, whatever came when and whatever was there before."""

from collections.abc import AsyncIterator
from random import Random

import pytest

from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.reads import PostgresReads
from adapters.postgres.tokens import TokenStore
from curvetape.testing.events import batches, created, curve_traded, recorded
from curvetape.testing.metadata import described, undescribed
from domain.events import AnyEvent
from projections import tokens
from projections.cards import card
from projections.tokens import Changes, Tokens

MINTS = ("a", "b", "c", "d")
LOG: list[AnyEvent] = [
    *(created(number, mint) for number, mint in enumerate(MINTS, 1)),
    *(curve_traded(10 + number, mint) for number, mint in enumerate(MINTS, 1)),
    described(1, "a", description="猫\n🐈", image="https://i.example/a", telegram="t.me/a"),
    undescribed(2, "b", attempt=1),
    undescribed(2, "b", attempt=2),
    described(2, "b", attempt=3, description=None, website="https://b.example/"),
    described(3, "c", attempt=1, description="old", twitter="c"),
    described(3, "c", attempt=2, description="new"),
    undescribed(4, "d", final=True, http_status=404),
]


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    await migrate(database_dsn)
    opened = await open_pool(database_dsn, connections_max=1)
    yield opened
    await opened.close()


@pytest.mark.parametrize("seed", range(6))
async def test_rows_are_those_of_the_core_in_any_order_and_any_batches(
    pool: Pool, seed: int
) -> None:
    chance = Random(seed)
    log = list(LOG)
    chance.shuffle(log)
    store, core, total = TokenStore(pool), Tokens(), Changes()
    await store.checkpoint()
    for batch in batches(recorded(log), chance.randint(1, 9)):
        changes = core.apply(batch)
        total = tokens.merge(total, changes)
        await store.save(changes, seen=batch[0].sequence - 1, reached=batch[-1].sequence)
    reads = PostgresReads(pool)
    for mint in MINTS:
        assert await reads.token(mint) == card(mint, total[mint])
    shown = await reads.token("a")
    assert shown is not None
    assert (shown.description, shown.telegram) == ("猫\n🐈", "https://t.me/a")
    shown = await reads.token("c")
    assert shown is not None
    assert (shown.description, shown.twitter) == ("new", None)
    shown = await reads.token("d")
    assert shown is not None
    assert (shown.name, shown.description) == ("Coin d", None)
