"""Whether the process lives, and whether what it answers from is there and how fresh it is."""

import asyncio
from typing import Annotated, ClassVar, Literal, Protocol

import msgspec
from msgspec import Meta

from api.operation import Operation
from api.parameters import NoParameters
from api.problems import NOT_READY, RETRY_AFTER_S, ProblemError
from domain.log import LogError
from projections.reads import Page, Reads, ReadsUnavailableError

LOG_WAIT_S_MAX = 2.0
"""The log itself is asked for a minute; who wants to know about now has given up by then."""


class LogHead(Protocol):
    """What readiness asks of the log; `domain.log.EventLog` fits."""

    async def last_sequence(self) -> int:
        """The sequence of the newest event, 0 for an empty log; may raise `LogError`."""
        ...


class Health(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The process answers."""

    status: Literal["alive"]


class ReadModel(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How far a read model has come."""

    name: str
    version: int
    position: Annotated[
        int, Meta(ge=0, description="It holds all that is decided up to this log sequence.")
    ]
    lag: Annotated[int, Meta(ge=0, description="Events in the log that it has not reached.")]


class Readiness(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Stores and log answer; how far the read models are behind."""

    status: Literal["ready"]
    log_position: Annotated[int, Meta(ge=0, description="The log's last sequence.")]
    read_models: list[ReadModel]
    last_trade_time: Annotated[
        int | None, Meta(description="When the newest trade was, in Unix seconds: the freshness.")
    ]


class HealthResource:
    """The process."""

    operation: ClassVar = Operation(
        name="getHealth",
        path="/healthz",
        tag="operation",
        summary="Whether the process is alive",
        description="Asks nothing of any store; restart the process when this does not answer.",
        parameters=NoParameters,
        answer=Health,
    )

    async def answer(self, _asked: NoParameters) -> Health:
        """Always the same."""
        return Health(status="alive")


class ReadinessResource:
    """The read models, measured against the log."""

    operation: ClassVar = Operation(
        name="getReadiness",
        path="/readyz",
        tag="operation",
        summary="Whether stores and log answer, and how far each read model is behind",
        description="Send requests elsewhere while this is 503. A lag is told, not judged.",
        parameters=NoParameters,
        answer=Readiness,
        problems=(NOT_READY,),
    )

    def __init__(self, reads: Reads, log: LogHead, read_models: frozenset[str]) -> None:
        self._reads = reads
        self._log = log
        self._read_models = read_models

    async def answer(self, _asked: NoParameters) -> Readiness:
        """Positions and lags, or the problem with every reason why they are not known."""
        reasons: list[str] = []
        read_models, last_trade_time, head = [], None, 0
        try:
            read_models = list(await self._reads.positions())
            newest = await self._reads.tokens(sort="last_trade", state=None, page=Page(limit=1))
            last_trade_time = newest[0].last_trade_time_s if newest else None
        except ReadsUnavailableError:
            reasons.append("the store of the read models does not answer")
        try:
            async with asyncio.timeout(LOG_WAIT_S_MAX):
                head = await self._log.last_sequence()
        except (LogError, TimeoutError):
            reasons.append("the log does not answer, so no lag is known")
        if not reasons and head:
            missing = self._read_models - {each.name for each in read_models}
            reasons += [f"the read model {name} has not begun" for name in sorted(missing)]
        if reasons:
            raise ProblemError(
                NOT_READY,
                "; ".join(reasons),
                reasons=reasons,
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        return Readiness(
            status="ready",
            log_position=head,
            read_models=[
                ReadModel(
                    name=each.name,
                    version=each.version,
                    position=each.sequence,
                    lag=max(0, head - each.sequence),
                )
                for each in read_models
            ],
            last_trade_time=last_trade_time,
        )
