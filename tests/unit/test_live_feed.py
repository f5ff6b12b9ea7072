"""What is told of the log's end, and taken back, as forks live and die."""

import msgspec

from api.live.feed import Feed
from api.live.message import Message
from curvetape.testing.certified import CertifiedLog
from curvetape.testing.events import curve_traded, recorded
from curvetape.testing.market import address
from domain.events import AnyEvent, CurveTraded

MINT = address("forked")


def in_slot(trade: CurveTraded, slot: int) -> CurveTraded:
    return msgspec.structs.replace(trade, pos=msgspec.structs.replace(trade.pos, slot=slot))


def abandoned(slot: int) -> AnyEvent:
    log = CertifiedLog()
    log.abandon(slot)
    return next(event for _, _, event in log)


def held(messages: list[Message]) -> set[str]:
    """What a client has by the end, that does as it is told."""
    has: set[str] = set()
    for message in messages:
        if message.name == "trade":
            has.update(message.ids)
        elif message.name == "correction":
            has.difference_update(msgspec.json.decode(message.body)["ids"])
    return has


def test_a_correction_leaves_out_what_stands_in_another_slot() -> None:
    trade, other = curve_traded(1, MINT), curve_traded(2, MINT)
    history = [
        in_slot(trade, 8),
        in_slot(other, 8),
        in_slot(trade, 7),
        abandoned(7),  # the trade is still in slot 8
        in_slot(trade, 7),
        abandoned(8),  # and now in the other fork's slot 7
    ]
    feed = Feed()
    messages: list[Message] = []
    for each in recorded(history):
        messages += feed.take([each])
        if each.event is history[3]:
            assert held(messages) == {trade.id, other.id}
    assert held(messages) == {trade.id}
    (last,) = feed.take(recorded([abandoned(7)]))[:1]
    assert held([*messages, last]) == set()
