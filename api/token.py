"""One token's card."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.amounts import quote_decimals
from api.completeness import Complete
from api.dollars import card_coins
from api.operation import Operation
from api.parameters import Mint, Time, seconds
from api.past import AS_OF, Last, check_versions, end_of, last_slot, reached, standing
from api.problems import MINT_UNKNOWN, PAST_NOT_KEPT, ProblemError
from api.representations import Ages, Count, Token, token
from api.windows import Windows, windows
from projections.feed_reads import QueryReads
from projections.horizon import Horizon
from projections.labels import Thresholds
from projections.reads import TokenReads, TokenRow
from projections.window_reads import TokenWindows

KEPT_SINCE: Mapping[str, int] = {"tokens": 3, "trades": 2}
"""From which version on read models keep what a card of the past is put together from."""


class TokenParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which token."""

    mint: Mint
    windows_to: Annotated[
        Time | UnsetType,
        Meta(
            description="End the windows at this time, which is in them: Unix seconds or RFC 3339. "
            "Without it, at the newest time that the read model knows. The rest of the card is "
            "the current one, or that of `asOf`."
        ),
    ] = msgspec.field(default=UNSET, name="windowsTo")
    as_of: Annotated[
        Annotated[str, Meta(pattern=AS_OF)] | UnsetType,
        Meta(
            description="The card as it was when this slot was the last: a slot, or an RFC 3339 "
            "time for the last slot up to it. Its windows end at the time of that slot's block."
        ),
    ] = msgspec.field(default=UNSET, name="asOf")


class TokenCard(Token, frozen=True, kw_only=True, rename="camel"):
    """A token's card, with what was traded in the last 5 minutes to 24 hours."""

    windows: Windows | None
    as_of_slot: Annotated[
        Count | UnsetType, Meta(description="The last slot of a card of the past.")
    ] = UNSET
    complete: Complete | UnsetType = UNSET
    final: Annotated[
        bool | UnsetType,
        Meta(
            description="Of a card of the past, whether it is complete and the read models have "
            "all of it, so that only a correction could change it, or a description that is read "
            "later."
        ),
    ] = UNSET


class TokenResource:
    """A token that the log knows."""

    operation: ClassVar = Operation(
        name="getToken",
        path="/api/v1/tokens/{mint}",
        tag="tokens",
        summary="A token's card: price, market cap, all-time high, liquidity, curve, counters",
        description="A token that the log knows has a card even if it has never traded. With "
        "`asOf` it is the card of the past, with `asOfSlot`, `complete` and `final`.",
        parameters=TokenParameters,
        answer=TokenCard,
        problems=(MINT_UNKNOWN, PAST_NOT_KEPT),
        read_models=("slots", "sol_prices", "tokens", "trades"),
    )

    def __init__(self, reads: QueryReads, thresholds: Thresholds) -> None:
        self._reads = reads
        self._thresholds = thresholds

    async def answer(self, asked: TokenParameters) -> TokenCard:
        """The card, or the problem that the mint is not known, or the past not kept."""
        to_s = None if asked.windows_to is UNSET else seconds(asked.windows_to)
        if asked.as_of is not UNSET:
            return await self._past(asked.mint, await last_slot(self._reads, asked.as_of), to_s)
        row = await known(self._reads, asked.mint)
        found = await self._reads.windows(asked.mint, as_of_s=to_s)
        return await self._card(row, found, await self._reads.newest_time_s())

    async def _card(
        self, row: TokenRow, found: TokenWindows | None, now_s: int | None
    ) -> TokenCard:
        decimals = quote_decimals(row.quote_mint, row.quote_decimals)
        (coin,) = await card_coins(self._reads, [row])
        said = token(row, Ages(self._thresholds, now_s), coin)
        return TokenCard(
            **msgspec.structs.asdict(said),
            windows=None if found is None else windows(found, decimals),
        )

    async def _past(self, mint: str, last: Last, to_s: int | None) -> TokenCard:
        at = await reached(self._reads, mint)
        check_versions(at, KEPT_SINCE, "cards")
        row = await known_at(self._reads, mint, last.slot)
        until = await self._reads.certified_until(last.slot)
        # Without certificates nobody knows the time but by what happened to the token.
        now_s = row.last_trade_time_s or row.created_time_s
        if until is not None and until.block_time_s is not None:
            now_s = until.block_time_s
        found = None
        if (to_s := now_s if to_s is None else to_s) is not None:
            found = await self._reads.windows(mint, as_of_s=to_s, pos=end_of(last.slot))
            if found is None:
                raise not_kept(mint)
        complete, final = await standing(self._reads, at, self.operation.read_models, row, last)
        return msgspec.structs.replace(
            await self._card(row, found, now_s),
            as_of_slot=last.slot,
            complete=complete,
            final=final,
        )


async def known_at(reads: QueryReads, mint: str, last: int) -> TokenRow:
    """The token's row of the past, or the problem that it is not known, or not kept."""
    await known(reads, mint)
    found = await reads.token_until(mint, pos=end_of(last))
    if found is None:
        raise ProblemError(
            MINT_UNKNOWN, f"no event up to slot {last} has named {mint}", parameter="asOf"
        )
    if isinstance(found, Horizon):
        raise not_kept(mint)
    return found


def not_kept(mint: str) -> ProblemError:
    """The problem that trades are not kept of which a card of the past would be made."""
    return ProblemError(
        PAST_NOT_KEPT,
        f"trades of {mint} up to then were let go of, and its card cannot be told without them; "
        "ask for a later time, or leave out asOf",
        parameter="asOf",
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
