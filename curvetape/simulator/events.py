"""The programs' events: encoded from the declared layouts, and remembered as what was emitted."""

from base64 import b64encode
from collections.abc import Sequence
from struct import Struct
from typing import Any, NamedTuple

from solders.signature import Signature

from domain.programs import PUMP, PUMP_AMM
from ingest.layouts.catalogue import event
from ingest.layouts.layout import Layout
from ingest.layouts.types import Wide


class Encoder:
    """Writes one kind of event in its newest layout, from values in the layout's order.

    `Layout.write` does the same field by field and by name; packing the neighbours of fixed size
    at once is what makes a market of thousands of trades a second affordable.
    """

    def __init__(self, program: str, name: str) -> None:
        self.layout: Layout = event(program, name)
        self.name = name
        self.program = program
        self._parts: list[tuple[Struct | None, int, int]] = []
        self._wides = [
            (place, field.type.signed)
            for place, field in enumerate(self.layout.fields)
            if isinstance(field.type, Wide)
        ]
        start, codes = 0, ""
        for place, field in enumerate((*self.layout.fields, None)):
            code = None if field is None else field.type.code
            if code is not None:
                codes += code
                continue
            if codes:
                self._parts.append((Struct("<" + codes), start, place))
            if field is not None:
                self._parts.append((None, place, place + 1))
            start, codes = place + 1, ""

    def encode(self, values: Sequence[Any]) -> bytes:
        """The event's bytes; `struct.error` when a value does not fit its field."""
        if self._wides:
            values = list(values)
            for place, signed in self._wides:
                values[place] = values[place].to_bytes(16, "little", signed=signed)
        data = self.layout.discriminator
        for packer, start, stop in self._parts:
            if packer is None:
                data += self.layout.fields[start].type.write(values[start])
            else:
                data += packer.pack(*values[start:stop])
        return data


class Pending(NamedTuple):
    """An event on its way into a transaction."""

    encoder: Encoder
    values: tuple[Any, ...]
    data: bytes
    logged: bytes
    """The same in base64, as a log line has it."""


class Emitted(NamedTuple):
    """An event of a landed, successful transaction: what a reader of the block has to find."""

    transaction_index: int
    signature: bytes
    outer: int
    inner: int
    encoder: Encoder
    values: tuple[Any, ...]

    @property
    def id(self) -> str:
        """`<signature>:<outer>.<inner>`, as the log has it."""
        return f"{Signature(self.signature)}:{self.outer}.{self.inner}"

    @property
    def name(self) -> str:
        """The event's name in its program's interface."""
        return self.encoder.name

    @property
    def program(self) -> str:
        """The program that emitted it, in base58."""
        return self.encoder.program

    @property
    def fields(self) -> dict[str, Any]:
        """Its values by name, in the layout's order; keys as 32 bytes."""
        names = (field.name for field in self.encoder.layout.fields)
        return dict(zip(names, self.values, strict=True))


def pending(encoder: Encoder, *values: Any) -> Pending:
    """Encode an event."""
    data = encoder.encode(values)
    return Pending(encoder, values, data, b64encode(data))


CREATED = Encoder(PUMP, "CreateEvent")
TRADED = Encoder(PUMP, "TradeEvent")
COMPLETED = Encoder(PUMP, "CompleteEvent")
BOUGHT_BEYOND = Encoder(PUMP, "PostCompleteBuyEvent")
EXTENDED = Encoder(PUMP, "ExtendAccountEvent")
MIGRATED = Encoder(PUMP, "CompletePumpAmmMigrationEvent")
REPRICED = Encoder(PUMP, "UpdateMayhemVirtualParamsEvent")
CURVE_SWEPT = Encoder(PUMP, "SweepBondingCurveFeeEvent")
POOL_CREATED = Encoder(PUMP_AMM, "CreatePoolEvent")
BOUGHT = Encoder(PUMP_AMM, "BuyEvent")
SOLD = Encoder(PUMP_AMM, "SellEvent")
DEPOSITED = Encoder(PUMP_AMM, "DepositEvent")
WITHDRAWN = Encoder(PUMP_AMM, "WithdrawEvent")
BOOST_STARTED = Encoder(PUMP_AMM, "InitBoostEvent")
BURNED = Encoder(PUMP_AMM, "BoostBuyAndBurnEvent")
POOL_SWEPT = Encoder(PUMP_AMM, "SweepPoolFeeEvent")
