"""Who earned or moved the most with a token."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from api.amounts import quote_symbol
from api.operation import Operation
from api.parameters import Mint
from api.problems import MINT_UNKNOWN
from api.representations import QuoteMint, QuoteSymbol
from api.token import known
from api.wallet_representations import WalletPosition, wallet_position
from projections.portfolio_reads import TraderSort, plain_quote
from projections.reads import Reads


class TopTradersParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ranked by what."""

    mint: Mint
    by: Annotated[
        TraderSort,
        Meta(
            description="`realised`: profit of sales, among those who sold; `volume`: paid and "
            "received together."
        ),
    ] = "realised"
    limit: Annotated[int, Meta(ge=1, le=100, description="Wallets to list at most, 1 to 100.")] = 50


class TopTraders(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The wallets' positions, the highest first."""

    mint: str
    quote_mint: QuoteMint | None
    quote_symbol: QuoteSymbol | None
    items: list[WalletPosition]


class TopTradersResource:
    """The wallets at the top of a token."""

    operation: ClassVar = Operation(
        name="listTopTraders",
        path="/api/v1/tokens/{mint}/top-traders",
        tag="tokens",
        summary="The wallets with the highest realised profit or volume in a token",
        description="Among those who trade it for the quote mint of its price. A known token that "
        "was not traded for it has an empty list.",
        parameters=TopTradersParameters,
        answer=TopTraders,
        problems=(MINT_UNKNOWN,),
        read_models=("portfolios", "tokens"),
    )

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def answer(self, asked: TopTradersParameters) -> TopTraders:
        """The wallets, or the problem that the mint is not known."""
        of = await known(self._reads, asked.mint)
        quote_mint = None if of.quote_mint is None else plain_quote(of.quote_mint)
        rows = (
            []
            if quote_mint is None
            else await self._reads.top_traders(
                asked.mint, quote_mint=quote_mint, by=asked.by, limit=asked.limit
            )
        )
        return TopTraders(
            mint=asked.mint,
            quote_mint=quote_mint,
            quote_symbol=quote_symbol(quote_mint),
            items=[wallet_position(row) for row in rows],
        )
