"""A finite simulated chain, with something killed in the middle: the end has to be the same."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from adapters.postgres.pool import NO_CONNECTIONS
from curvetape.bootstrap import read_models
from curvetape.testing.contents import (
    Contents,
    certified_slot,
    checkpoints,
    contents,
    log_length,
)
from curvetape.testing.product import Product, answer_of

CHAIN = ("--seed", "11", "--rate", "1000", "--slots", "25", "--genesis-time", "1790000000")
"""Its time is long past, so all of its slots are produced as fast as the machine can."""
SETTINGS = {"CURVETAPE_DESCRIBE": "0"}
"""When a token is described is not the chain's to say, and two runs may differ in it."""
EVENTS_BEFORE_KILL = 2_000

KEPT = {it.projection.name for it in read_models(NO_CONNECTIONS)}
"""The read models that PostgreSQL keeps."""

VICTIMS = ("simulate", "ingest", "project", "serve", "nats-server", "postgres", "valkey", "up")


def events(product: Product) -> int:
    return answer_of(log_length(product.addresses()["nats"]))


def has_passed(length: int, product: Product) -> bool:
    return events(product) > length


def sealed(product: Product) -> int:
    return answer_of(certified_slot(product.addresses()["nats"]))


def finished(product: Product, slot: int) -> bool:
    if sealed(product) < slot:
        return False
    length = events(product)
    places = answer_of(checkpoints(product.addresses()["postgres"]))
    return places.keys() == KEPT and all(place >= length for place in places.values())


def content(product: Product) -> Contents:
    addresses = product.addresses()
    return answer_of(contents(addresses["nats"], addresses["postgres"]))


def last_slot(product: Product) -> int:
    """The newest certified slot once there is none newer."""
    slot, since = 0, time.monotonic()
    while time.monotonic() - since < 4.0:
        now = sealed(product)
        if now != slot or now == 0:
            slot, since = now, time.monotonic()
        time.sleep(0.2)
    return slot


@pytest.fixture(scope="module")
def undisturbed() -> Iterator[Contents]:
    """What a run over the same chain gives when nothing happens to it."""
    with (
        TemporaryDirectory(prefix="curvetape-") as folder,
        Product(Path(folder), *CHAIN, settings=SETTINGS) as product,
    ):
        product.wait_for("event", partial(has_passed, 0))
        slot = last_slot(product)
        product.wait_for("end", lambda it: finished(it, slot))
        yield content(product)


def test_a_chain_of_its_own_gives_trades_candles_and_graduations(undisturbed: Contents) -> None:
    assert len(undisturbed.ids) == len(set(undisturbed.ids)) > 3 * EVENTS_BEFORE_KILL
    assert len(undisturbed.certified) > 20
    assert all(undisturbed.rows[table] > 0 for table in ("candles", "trades", "tokens"))


@pytest.mark.parametrize("victim", VICTIMS)
def test_kill_9_and_another_up_end_as_an_undisturbed_run(
    victim: str, server_folder: Path, undisturbed: Contents
) -> None:
    product = Product(server_folder, *CHAIN, settings=SETTINGS)
    with product:
        product.wait_for("events to lose", partial(has_passed, EVENTS_BEFORE_KILL))
        if victim == "up":
            product.kill()
        else:
            product.kill_one(victim)
            product.stop()
    with product:
        product.wait_for("end", lambda it: finished(it, undisturbed.certified[-1]))
        assert content(product) == undisturbed


def test_what_dies_is_started_again_while_the_rest_goes_on(
    server_folder: Path, undisturbed: Contents
) -> None:
    with Product(server_folder, *CHAIN, settings=SETTINGS) as product:
        for number, victim in enumerate(("ingest", "nats-server", "project", "postgres"), 1):
            product.wait_for("progress", partial(has_passed, number * EVENTS_BEFORE_KILL))
            product.kill_one(victim)
        product.wait_for("end", lambda it: finished(it, undisturbed.certified[-1]))
        assert content(product) == undisturbed
