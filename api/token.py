"""One token's card."""

from typing import ClassVar

import msgspec

from api.operation import Operation
from api.parameters import Mint
from api.problems import MINT_UNKNOWN, ProblemError
from api.representations import Ages, Token, token
from projections.labels import Thresholds
from projections.reads import TokenReads, TokenRow


class TokenParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which token."""

    mint: Mint


class TokenResource:
    """A token that the log knows."""

    operation: ClassVar = Operation(
        name="getToken",
        path="/api/v1/tokens/{mint}",
        tag="tokens",
        summary="A token's card: price, market cap, all-time high, liquidity, curve, counters",
        description="A token that the log knows has a card even if it has never traded.",
        parameters=TokenParameters,
        answer=Token,
        problems=(MINT_UNKNOWN,),
        read_models=("tokens",),
    )

    def __init__(self, reads: TokenReads, thresholds: Thresholds) -> None:
        self._reads = reads
        self._thresholds = thresholds

    async def answer(self, asked: TokenParameters) -> Token:
        """The card, or the problem that the mint is not known."""
        row = await known(self._reads, asked.mint)
        return token(row, Ages(self._thresholds, await self._reads.newest_time_s()))


async def known(reads: TokenReads, mint: str) -> TokenRow:
    """The token's row, or the problem that the log does not know the mint."""
    row = await reads.token(mint)
    if row is None:
        raise ProblemError(
            MINT_UNKNOWN,
            f"no event has named {mint}, up to the log position in Curvetape-Position",
        )
    return row
