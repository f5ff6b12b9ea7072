"""What is known of one transaction, event by event."""

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.amounts import whole_price
from api.dollars import coins
from api.operation import Operation
from api.problems import TRANSACTION_UNKNOWN, ProblemError
from api.representations import Count, Price, Time, Trade, trade
from api.slots import Certificate, certificate
from domain.position import LAST_SLOT
from projections.explained_reads import EventState, ExplainedEvent, Explanations
from projections.feed_reads import QueryReads
from projections.reads import TradeRow
from projections.slot_reads import SlotState, state_of


class ExplainParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which transaction."""

    signature: Annotated[
        str,
        Meta(
            pattern="^[1-9A-HJ-NP-Za-km-z]{64,88}$",
            description="The transaction's first signature, in base58.",
        ),
    ]
    slot: Annotated[
        Annotated[int, Meta(ge=0, le=LAST_SLOT)] | UnsetType,
        Meta(
            description="The slot that it is in, as trades tell it. Without it only the newest "
            "20,000 messages of the log are looked through."
        ),
    ] = UNSET


class Instruction(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A place in the transaction, counted from 0."""

    outer: Count
    inner: Annotated[
        int, Meta(ge=0, description="Below it; from 64 on what only a log line shows.")
    ]


class TransactionEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event of the transaction, as the log holds it."""

    position: Annotated[int, Meta(ge=1, description="Where the log holds it: its sequence.")]
    state: Annotated[
        EventState,
        Meta(
            description="`counts`: its slot is proven; `taken_back`: it died with a fork, or was "
            "appended anew; `not_decided`: its slot is neither yet."
        ),
    ]
    kind: str
    instruction: Annotated[
        Instruction, Meta(description="The instruction that emitted it, which it was decoded from.")
    ]
    layout: Annotated[str, Meta(description="The layout of the program's event it was read by.")]
    mint: str | None
    price: Annotated[Price | None, Meta(description="That a trade leaves behind.")]
    fields: Annotated[
        dict[str, Any],
        Meta(description="All of it, in the fields and units of docs/events.md, to the integer."),
    ]


class TransactionAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A transaction, its events, its slot's certificate, and the trades that were made of it."""

    signature: str
    slot: Count
    transaction_index: Annotated[int, Meta(ge=0, description="Place in the slot's block.")]
    time: Time
    signer: str
    compute_units: Count | None
    priority_fee_lamports: Count | None
    events: list[TransactionEvent]
    trades: Annotated[list[Trade], Meta(description="As the read model has them.")]
    slot_state: SlotState | None
    certificate: Certificate | None


class ExplainResource:
    """One transaction."""

    operation: ClassVar = Operation(
        name="explainTransaction",
        path="/api/v1/explain/{signature}",
        tag="proof",
        summary="All that is known of a transaction: its events, what they were decoded from, "
        "whether they count, and its slot's certificate",
        description="Events are read from the log itself, never from a read model; `trades` is "
        "what a read model made of them.",
        parameters=ExplainParameters,
        answer=TransactionAnswer,
        problems=(TRANSACTION_UNKNOWN,),
        read_models=("slots", "sol_prices", "trades"),
    )

    def __init__(self, reads: QueryReads, explanations: Explanations) -> None:
        self._reads = reads
        self._explanations = explanations

    async def answer(self, asked: ExplainParameters) -> TransactionAnswer:
        """The transaction, or the problem that it is not known."""
        slot = None if asked.slot is UNSET else asked.slot
        found = await self._explanations.explained(asked.signature, slot)
        if not found:
            looked = "the newest part of the log" if slot is None else f"the log around slot {slot}"
            hint = "; give its slot, if it is older" if slot is None else ""
            raise ProblemError(
                TRANSACTION_UNKNOWN, f"no event of {asked.signature} is in {looked}{hint}"
            )
        counting = [each for each in found if each.state == "counts"]
        last = (counting or found)[-1].event
        row = await self._reads.slot(last.pos.slot)
        rows = await self._trades(counting)
        worth = await coins(self._reads, [(row.quote_mint, row.pos) for row in rows])
        return TransactionAnswer(
            signature=asked.signature,
            slot=last.pos.slot,
            transaction_index=last.pos.tx,
            time=last.block_time_s,
            signer=last.signer,
            compute_units=last.compute_units,
            priority_fee_lamports=last.priority_fee_lamports,
            events=[_event(each) for each in found],
            trades=[trade(row, coin) for row, coin in zip(rows, worth, strict=True)],
            slot_state=None if row is None else state_of(last.pos.slot, row),
            certificate=None if row is None else certificate(row.certificate),
        )

    async def _trades(self, counting: list[ExplainedEvent]) -> list[TradeRow]:
        """The trades read model's rows of these events."""
        rows: list[TradeRow] = []
        for each in counting:
            mint, pos = getattr(each.event, "mint", None), each.event.pos.order_key
            if mint is not None:
                held = await self._reads.trades(mint, limit=1, before_pos=pos + 1)
                rows += [row for row in held if row.id == each.event.id]
        return rows


def _event(of: ExplainedEvent) -> TransactionEvent:
    event = of.event
    own, quote = getattr(event, "token_decimals", None), getattr(event, "quote_decimals", None)
    own = getattr(event, "base_decimals", own)
    return TransactionEvent(
        position=of.sequence,
        state=of.state,
        kind=event.kind,
        instruction=Instruction(outer=event.pos.outer, inner=event.pos.inner),
        layout=event.layout,
        mint=getattr(event, "mint", None),
        price=whole_price(of.price, own, quote),
        fields=msgspec.to_builtins(event),
    )
