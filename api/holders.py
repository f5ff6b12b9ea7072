"""Who holds a token, how concentrated it is, and what share its insiders have."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.amounts import exact, whole
from api.completeness import Complete
from api.operation import Operation
from api.parameters import Mint
from api.past import (
    AS_OF,
    Last,
    check_passed,
    check_versions,
    end_of,
    last_slot,
    reached,
    standing,
)
from api.problems import MINT_UNKNOWN, PAST_NOT_KEPT, ProblemError
from api.representations import Count, Time, Tokens, Units
from api.token import known
from domain.position import Position
from projections.feed_reads import QueryReads
from projections.holder_reads import ClassRow, HolderRow, HoldersRow, KeptFrom
from projections.reads import TokenRow

HolderClass: TypeAlias = Literal["developer", "sniper", "bundler", "insider"]
Share: TypeAlias = Annotated[
    float,
    Meta(
        ge=0,
        description="Part of the current supply; null where that is not known. Above 1 where "
        "tokens were moved that the log does not show.",
    ),
]

KEPT_SINCE: Mapping[str, int] = {"holders": 4, "tokens": 3, "trades": 3}
"""From which version on read models keep what holders of the past are put together from."""

_CLASSES: tuple[HolderClass, ...] = ("developer", "sniper", "bundler", "insider")


class HoldersParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which token, and how many."""

    mint: Mint
    limit: Annotated[int, Meta(ge=1, le=500, description="Holders to list at most, 1 to 500.")] = 50
    as_of: Annotated[
        Annotated[str, Meta(pattern=AS_OF)] | UnsetType,
        Meta(
            description="The holders as they were when this slot was the last: a slot, or an "
            "RFC 3339 time for the last slot up to it."
        ),
    ] = msgspec.field(default=UNSET, name="asOf")


class Holder(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A wallet that holds some of the token."""

    wallet: str
    balance: Tokens | None
    balance_units: Units
    share: Share | None
    bought_units: Units
    sold_units: Units
    received_units: Annotated[
        Units, Meta(description="At least so much came otherwise than by trades and liquidity.")
    ]
    sent_units: Annotated[Units, Meta(description="At least so much left otherwise.")]
    first_time: Annotated[Time, Meta(description="Of its first trade or liquidity.")]
    last_time: Time
    classes: Annotated[
        list[HolderClass],
        Meta(description="What it counts as; none where the token's launch is not known."),
    ]


class HoldersOfClass(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the wallets of a class hold together."""

    wallets: Annotated[int, Meta(ge=0, description="All that ever were of the class.")]
    holders: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="Those that still hold some.")
    ]
    balance: Tokens | None
    balance_units: Units | None
    share: Share | None


class HolderList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A token's holders; classes are null where its launch is not known."""

    mint: str
    holders: Annotated[int, Meta(ge=0, description="Wallets with a balance.")]
    balance_units: Annotated[Units, Meta(description="Of all of them.")]
    top10_share: Share | None
    gini: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="0: all hold the same; towards 1: one has all. Null without holders."),
    ]
    developer: HoldersOfClass | None
    snipers: HoldersOfClass | None
    bundlers: HoldersOfClass | None
    insiders: Annotated[
        HoldersOfClass | None,
        Meta(description="What they hold is null where transactions do not report it of all."),
    ]
    suspicious: Annotated[
        HoldersOfClass | None,
        Meta(
            description="Snipers, bundlers and insiders, each wallet once, with "
            "what the first two hold."
        ),
    ]
    items: list[Holder]
    as_of_slot: Annotated[
        Count | UnsetType, Meta(description="The last slot of holders of the past.")
    ] = UNSET
    complete: Complete | UnsetType = UNSET
    final: Annotated[
        bool | UnsetType,
        Meta(
            description="Of holders of the past, whether they are complete and the read models "
            "have all of them, so that only a correction could change them."
        ),
    ] = UNSET


class HoldersResource:
    """The wallets that hold a token."""

    operation: ClassVar = Operation(
        name="listHolders",
        path="/api/v1/tokens/{mint}/holders",
        tag="tokens",
        summary="A token's largest holders, its concentration, and its developer's, snipers', "
        "bundlers' and insiders' shares",
        description="A balance is what the transaction of the wallet's last trade reported; where "
        "it did not, what trades and liquidity leave. What was transferred since is not in the "
        "log. The bonding curve and the canonical pool are no holders. "
        "What makes a sniper, a bundler or an insider is set where the server runs. With `asOf` "
        "the holders are those of the past, with `asOfSlot`, `complete` and `final`.",
        parameters=HoldersParameters,
        answer=HolderList,
        problems=(MINT_UNKNOWN, PAST_NOT_KEPT),
        read_models=("holders", "slots", "tokens", "trades"),
    )

    def __init__(self, reads: QueryReads) -> None:
        self._reads = reads

    async def answer(self, asked: HoldersParameters) -> HolderList:
        """The holders, or the problem that the mint is not known, or the past not kept."""
        of = await known(self._reads, asked.mint)
        if asked.as_of is not UNSET:
            return await self._past(asked, of, await last_slot(self._reads, asked.as_of))
        found = await self._reads.holders(asked.mint, limit=asked.limit)
        return holder_list(asked.mint, found, of.token_decimals)

    async def _past(self, asked: HoldersParameters, of: TokenRow, last: Last) -> HolderList:
        at = await reached(self._reads, asked.mint)
        check_versions(at, KEPT_SINCE, "holders")
        until = await self._reads.certified_until(last.slot)
        await check_passed(self._reads, at, tuple(KEPT_SINCE), until, of.created_pos)
        found = await self._reads.holders_until(
            asked.mint, limit=asked.limit, pos=end_of(last.slot)
        )
        if found is None:
            raise ProblemError(
                MINT_UNKNOWN,
                f"no event up to slot {last.slot} has named {asked.mint}",
                parameter="asOf",
            )
        if isinstance(found, KeptFrom):
            raise not_kept(asked.mint, found)
        complete, final = await standing(self._reads, at, self.operation.read_models, of, last)
        return msgspec.structs.replace(
            holder_list(asked.mint, found, of.token_decimals),
            as_of_slot=last.slot,
            complete=complete,
            final=final,
        )


def not_kept(mint: str, kept: KeptFrom) -> ProblemError:
    """The problem that trades are not kept of which holders of the past would be made."""
    return ProblemError(
        PAST_NOT_KEPT,
        f"trades of {mint} up to then were let go of, and its holders cannot be told without them; "
        f"ask for slot {Position.from_order_key(kept.pos).slot} or a later one, or leave out asOf",
        parameter="asOf",
    )


def holder_list(mint: str, found: HoldersRow, decimals: int | None) -> HolderList:
    """A token's holders."""
    return HolderList(
        mint=mint,
        holders=found.holders,
        balance_units=str(found.balance),
        top10_share=found.share(found.top_balance),
        gini=found.gini,
        developer=_class(found.developer, found, decimals),
        snipers=_class(found.snipers, found, decimals),
        bundlers=_class(found.bundlers, found, decimals),
        insiders=_class(found.insiders, found, decimals),
        suspicious=_class(found.suspicious, found, decimals),
        items=[_holder(row, found, decimals) for row in found.top],
    )


def _holder(row: HolderRow, of: HoldersRow, decimals: int | None) -> Holder:
    return Holder(
        wallet=row.wallet,
        balance=whole(row.balance, decimals),
        balance_units=str(row.balance),
        share=of.share(row.balance),
        bought_units=str(row.bought),
        sold_units=str(row.sold),
        received_units=str(row.received),
        sent_units=str(row.sent),
        first_time=row.first_time_s,
        last_time=row.last_time_s,
        classes=[name for name in _CLASSES if getattr(row, name)],
    )


def _class(row: ClassRow | None, of: HoldersRow, decimals: int | None) -> HoldersOfClass | None:
    if row is None:
        return None
    return HoldersOfClass(
        wallets=row.wallets,
        holders=row.holders,
        balance=whole(row.balance, decimals),
        balance_units=exact(row.balance),
        share=of.share(row.balance),
    )
