"""A simulated market's tokens are described, once each, though who does it is killed."""

from collections import Counter
from pathlib import Path

from adapters.jetstream.connection import Connection
from adapters.jetstream.reader import JetStreamLog
from curvetape.simulator.metadata import metadata
from curvetape.testing.product import Product, answer_of
from domain.events import TokenCreated, TokenDescribed
from projections.settling import Settling

CHAIN = ("--seed", "11", "--rate", "1000", "--slots", "25", "--genesis-time", "1790000000")
TOKENS_MIN = 20


async def found(nats_url: str) -> tuple[dict[str, str], list[TokenDescribed]]:
    """The uris of the tokens that count, by mint, and all that was said of them."""
    created: dict[str, str] = {}
    described: list[TokenDescribed] = []
    settling = Settling()
    async with await Connection.open(nats_url) as connection:
        log = JetStreamLog(connection)
        async for batch in log.read(after=0, batch_max=1_000, follow=False):
            for settled in settling.take(batch):
                for recorded in settled.events:
                    if isinstance(recorded.event, TokenCreated):
                        created[recorded.event.mint] = recorded.event.uri
                    elif isinstance(recorded.event, TokenDescribed):
                        described.append(recorded.event)
    return created, described


def of(product: Product) -> tuple[dict[str, str], list[TokenDescribed]]:
    return answer_of(found(product.addresses()["nats"]))


def has_begun(product: Product) -> bool:
    return bool(of(product)[1])


def is_done(product: Product) -> bool:
    created, described = of(product)
    return len(created) >= TOKENS_MIN and created.keys() == {it.mint for it in described}


def is_shown(product: Product, mint: str) -> bool:
    return product.get(f"/api/v1/tokens/{mint}")["image"] is not None


def test_tokens_are_described_once_though_the_resolver_is_killed(server_folder: Path) -> None:
    with Product(server_folder, *CHAIN) as product:
        product.wait_for("description", has_begun)
        product.kill_one("describe")
        product.wait_for("last description", is_done)
        created, described = of(product)
        assert max(Counter(it.id for it in described).values()) == 1
        for event in described:
            body = metadata(created[event.mint].rpartition("/")[2])
            expected = None if body is None or body.startswith(b"<") else len(body)
            assert event.document_bytes == expected or not event.final
        one = next(it for it in described if it.image is not None)
        product.wait_for("card", lambda it: is_shown(it, one.mint))
        card = product.get(f"/api/v1/tokens/{one.mint}")
        assert (card["description"], card["image"]) == (one.description, one.image)
