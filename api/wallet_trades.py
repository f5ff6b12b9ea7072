"""A wallet's trades, newest first."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.operation import Operation
from api.parameters import Wallet
from api.portfolio import traded
from api.problems import WALLET_UNKNOWN
from api.wallet_representations import WalletTrade, wallet_trade
from projections.portfolio_reads import PortfolioReads


class WalletTradesParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which trades."""

    address: Wallet
    limit: Annotated[int, Meta(ge=1, le=500, description="Trades to list at most, 1 to 500.")] = 100
    before: Annotated[
        Annotated[str, Meta(pattern="^[0-9]{1,19}$")] | UnsetType,
        Meta(description="The `next` of an answer, to list the trades before it."),
    ] = UNSET


class WalletTradeList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of trades; `next` is null on the last one."""

    items: list[WalletTrade]
    next: str | None


class WalletTradesResource:
    """The trades of a wallet in every token and venue."""

    operation: ClassVar = Operation(
        name="listWalletTrades",
        path="/api/v1/wallets/{address}/trades",
        tag="wallets",
        summary="A wallet's trades of all tokens, newest first",
        description="Going back with `before` lists each trade exactly once, whatever is traded "
        "meanwhile.",
        parameters=WalletTradesParameters,
        answer=WalletTradeList,
        problems=(WALLET_UNKNOWN,),
        read_models=("portfolios", "trades"),
        next_parameter="before",
    )

    def __init__(self, reads: PortfolioReads) -> None:
        self._reads = reads

    async def answer(self, asked: WalletTradesParameters) -> WalletTradeList:
        """A page, or the problem that the wallet is not known."""
        before = None if asked.before is UNSET else int(asked.before)
        rows = await self._reads.wallet_trades(
            asked.address, limit=asked.limit + 1, before_pos=before
        )
        if not rows:
            await traded(self._reads, asked.address)
        shown = rows[: asked.limit]
        return WalletTradeList(
            items=[wallet_trade(row) for row in shown],
            next=str(shown[-1].pos) if len(rows) > len(shown) else None,
        )
