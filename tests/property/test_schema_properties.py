"""Whatever the builders of events make up, and whatever is decoded from it, fits the schemas."""

from collections.abc import Sequence

import jsonschema_rs
import msgspec
from hypothesis import given

from curvetape.contract.__main__ import committed
from curvetape.testing.checkout import ROOT
from curvetape.testing.events import histories
from curvetape.testing.forks import decided_logs
from domain.events import AnyEvent, encode

VALIDATORS = {
    kind: jsonschema_rs.validator_for(schema)
    for kind, schema in committed(ROOT / "nats" / "schemas").items()
}


def check(events: Sequence[AnyEvent]) -> None:
    for event in events:
        VALIDATORS[event.kind].validate(msgspec.json.decode(encode(event)))


@given(histories())
def test_every_event_of_a_token_fits_its_schema(history: list[AnyEvent]) -> None:
    check(history)


@given(decided_logs())
def test_every_event_of_a_log_with_forks_and_gaps_fits_its_schema(log: list[AnyEvent]) -> None:
    check(log)
