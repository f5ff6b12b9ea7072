"""One token's card."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.amounts import quote_decimals
from api.dollars import card_coins
from api.operation import Operation
from api.parameters import Mint, Time, seconds
from api.problems import MINT_UNKNOWN, ProblemError
from api.representations import Ages, Token, token
from api.windows import Windows, windows
from projections.labels import Thresholds
from projections.reads import Reads, TokenReads, TokenRow


class TokenParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which token."""

    mint: Mint
    windows_to: Annotated[
        Time | UnsetType,
        Meta(
            description="End the windows at this time, which is in them: Unix seconds or RFC 3339. "
            "Without it, at the newest time that the read model knows. The rest of the card is "
            "always the current one."
        ),
    ] = msgspec.field(default=UNSET, name="windowsTo")


class TokenCard(Token, frozen=True, kw_only=True, rename="camel"):
    """A token's card, with what was traded in the last 5 minutes to 24 hours."""

    windows: Windows | None


class TokenResource:
    """A token that the log knows."""

    operation: ClassVar = Operation(
        name="getToken",
        path="/api/v1/tokens/{mint}",
        tag="tokens",
        summary="A token's card: price, market cap, all-time high, liquidity, curve, counters",
        description="A token that the log knows has a card even if it has never traded.",
        parameters=TokenParameters,
        answer=TokenCard,
        problems=(MINT_UNKNOWN,),
        read_models=("sol_prices", "tokens", "trades"),
    )

    def __init__(self, reads: Reads, thresholds: Thresholds) -> None:
        self._reads = reads
        self._thresholds = thresholds

    async def answer(self, asked: TokenParameters) -> TokenCard:
        """The card, or the problem that the mint is not known."""
        row = await known(self._reads, asked.mint)
        to_s = None if asked.windows_to is UNSET else seconds(asked.windows_to)
        found = await self._reads.windows(asked.mint, as_of_s=to_s)
        decimals = quote_decimals(row.quote_mint, row.quote_decimals)
        (coin,) = await card_coins(self._reads, [row])
        said = token(row, Ages(self._thresholds, await self._reads.newest_time_s()), coin)
        return TokenCard(
            **msgspec.structs.asdict(said),
            windows=None if found is None else windows(found, decimals),
        )


async def known(reads: TokenReads, mint: str) -> TokenRow:
    """The token's row, or the problem that the log does not know the mint."""
    row = await reads.token(mint)
    if row is None:
        raise ProblemError(
            MINT_UNKNOWN,
            f"no event has named {mint}, up to the log position in Curvetape-Position",
        )
    return row
