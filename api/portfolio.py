"""A wallet's portfolio: its totals and its positions."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.operation import Operation
from api.parameters import Wallet
from api.problems import WALLET_UNKNOWN, ProblemError
from api.wallet_representations import (
    PortfolioTotal,
    WalletPosition,
    portfolio_total,
    wallet_position,
)
from projections.portfolio_reads import PortfolioReads, PositionState


class PortfolioParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which positions."""

    address: Wallet
    state: Annotated[
        PositionState | UnsetType,
        Meta(description="Only positions with a balance, or only those without."),
    ] = UNSET
    limit: Annotated[int, Meta(ge=1, le=200, description="Positions at most, 1 to 200.")] = 50
    before: Annotated[
        Annotated[str, Meta(pattern="^[0-9]{1,19}$")] | UnsetType,
        Meta(description="The `next` of an answer, to list the positions behind it."),
    ] = UNSET


class WalletPortfolio(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of positions, and the totals of all; `next` is null on the last page."""

    address: str
    log_position: Annotated[
        int, Meta(ge=0, description="The trades are all up to this sequence of the log.")
    ]
    priced_log_position: Annotated[
        int, Meta(ge=0, description="The prices hold all up to this sequence of the log.")
    ]
    totals: Annotated[list[PortfolioTotal], Meta(description="One for each quote mint.")]
    items: list[WalletPosition]
    next: str | None


class PortfolioResource:
    """What a wallet bought and sold, at average cost."""

    operation: ClassVar = Operation(
        name="getPortfolio",
        path="/api/v1/wallets/{address}/portfolio",
        tag="wallets",
        summary="A wallet's positions with realised and unrealised profit, by last trade",
        description="One position for each token and quote mint, from the wallet's trades alone: "
        "what came or went by transfer is in no balance. A position that trades meanwhile moves to "
        "the first page; each of the others is listed exactly once.",
        parameters=PortfolioParameters,
        answer=WalletPortfolio,
        problems=(WALLET_UNKNOWN,),
        read_models=("portfolios", "tokens"),
        next_parameter="before",
    )

    def __init__(self, reads: PortfolioReads) -> None:
        self._reads = reads

    async def answer(self, asked: PortfolioParameters) -> WalletPortfolio:
        """A page, or the problem that the wallet is not known."""
        found = await self._reads.portfolio(
            asked.address,
            state=None if asked.state is UNSET else asked.state,
            limit=asked.limit + 1,
            before_pos=None if asked.before is UNSET else int(asked.before),
        )
        if not found.totals:
            raise unknown(asked.address)
        shown = found.positions[: asked.limit]
        return WalletPortfolio(
            address=asked.address,
            log_position=found.sequence,
            priced_log_position=found.priced_sequence,
            totals=[portfolio_total(row) for row in found.totals],
            items=[wallet_position(row) for row in shown],
            next=str(shown[-1].last_pos) if len(found.positions) > len(shown) else None,
        )


async def traded(reads: PortfolioReads, wallet: str) -> None:
    """Nothing, or the problem that the log has no trade of the wallet."""
    if not await reads.traded(wallet):
        raise unknown(wallet)


def unknown(wallet: str) -> ProblemError:
    """The problem that the log has no trade of the wallet."""
    return ProblemError(
        WALLET_UNKNOWN,
        f"no trade is of {wallet}, up to the log position in Curvetape-Position",
    )
