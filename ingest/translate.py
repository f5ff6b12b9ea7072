"""Events as the programs wrote them to facts of the domain; pure."""

from collections.abc import Callable

from domain.events import AnyProgramEvent, ProgramReported
from domain.programs import PUMP, PUMP_AMM
from ingest import curve_events, pool_events
from ingest.context import Context
from ingest.layouts.catalogue import event
from ingest.layouts.layout import Layout
from ingest.wire import WireEvent

_Translation = Callable[[Context, WireEvent], AnyProgramEvent]

_TRANSLATIONS: dict[Layout, _Translation] = {
    event(PUMP, "TradeEvent"): curve_events.curve_traded,
    event(PUMP, "CreateEvent"): curve_events.token_created,
    event(PUMP, "CompleteEvent"): curve_events.curve_completed,
    event(PUMP, "CompletePumpAmmMigrationEvent"): curve_events.token_migrated,
    event(PUMP, "PostCompleteBuyEvent"): curve_events.completion_traded,
    event(PUMP, "UpdateMayhemVirtualParamsEvent"): curve_events.curve_repriced,
    event(PUMP, "SweepBondingCurveFeeEvent"): curve_events.curve_fee_swept,
    event(PUMP_AMM, "BuyEvent"): pool_events.pool_bought,
    event(PUMP_AMM, "SellEvent"): pool_events.pool_sold,
    event(PUMP_AMM, "CreatePoolEvent"): pool_events.pool_created,
    event(PUMP_AMM, "DepositEvent"): pool_events.pool_deposited,
    event(PUMP_AMM, "WithdrawEvent"): pool_events.pool_withdrawn,
    event(PUMP_AMM, "SweepPoolFeeEvent"): pool_events.pool_fee_swept,
    event(PUMP_AMM, "InitBoostEvent"): pool_events.pool_boosted,
    event(PUMP_AMM, "BoostBuyAndBurnEvent"): pool_events.pool_burned,
}


def translate(context: Context, event: WireEvent) -> AnyProgramEvent:
    """The fact that an event reports; `MintsUnknownError` where its pool's mints are not proven."""
    translation = _TRANSLATIONS.get(event.layout)
    return _reported(context, event) if translation is None else translation(context, event)


def _reported(context: Context, event: WireEvent) -> ProgramReported:
    return ProgramReported(
        **context.named(event, event.time_s),
        program=event.layout.program,
        name=event.layout.name,
        fields=event.plain(),
    )
