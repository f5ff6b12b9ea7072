"""Keeps what wallets moved of tokens, how many hold each, how tokens began, and liquidity."""

from typing import ClassVar

from msgspec.structs import astuple

from adapters.postgres.checkpoint import CheckpointedStore
from adapters.postgres.pool import Connection
from adapters.postgres.upsert import Counted, Upsert, added, first, latest
from projections.holders import Changes, Holders
from projections.holding import Holding, Liquidity

_HOLDING = Upsert(
    "holders",
    {
        "mint": "text",
        "wallet": "text",
        "first_pos": "bigint",
        "first_time_s": "bigint",
        "last_pos": "bigint",
        "last_time_s": "bigint",
        "first_buy_pos": "bigint",
        "bought": "numeric",
        "sold": "numeric",
        "deposited": "numeric",
        "withdrawn": "numeric",
        "reported": "numeric",
    },
    key=("mint", "wallet"),
    action="update set "
    + ", ".join(
        (
            first("first_pos", "first_time_s"),
            latest("last_pos", "last_time_s", "reported"),
            first("first_buy_pos"),
            added("bought", "sold", "deposited", "withdrawn"),
        )
    ),
    counted=Counted("holder_counts", "holders", by="mint", condition="{row}.balance > 0"),
)

_COUNT = Upsert(
    "holder_counts",
    {"mint": "text", "holders": "bigint"},
    key=("mint",),
    action="update set " + added("holders"),
)
"""Moved with the holdings, by the same statement."""

_LAUNCH = Upsert(
    "holder_launches",
    {
        "mint": "text",
        "pos": "bigint",
        "creator": "text",
        "launcher": "text",
        "bonding_curve": "text",
    },
    key=("mint",),
    action="update set " + first("pos", "creator", "launcher", "bonding_curve"),
)

_LIQUIDITY = Upsert(
    "holder_liquidity",
    {"mint": "text", "pos": "bigint", "time_s": "bigint", "wallet": "text", "amount": "numeric"},
    key=("mint", "pos"),
    action="nothing",
)

assert tuple(_HOLDING.columns)[2:] == Holding.__struct_fields__, "a row has a holding as it is"
assert tuple(_LIQUIDITY.columns)[2:] == Liquidity.__struct_fields__, "and liquidity, too"


class HolderStore(CheckpointedStore[Changes]):
    """The holders read model in PostgreSQL."""

    name: ClassVar = Holders.name
    version: ClassVar = Holders.version
    tables: ClassVar = (_HOLDING, _LAUNCH, _LIQUIDITY, _COUNT)

    async def write(self, connection: Connection, changes: Changes) -> None:
        """Merge the changes, one row for each wallet and token."""
        if changes.holdings:
            # In the order of the index, which keeps neighbours on the same page.
            rows = [(*key, *astuple(holding)) for key, holding in sorted(changes.holdings.items())]
            await _HOLDING.merge(connection, rows)
        if changes.launches:
            launches = [
                (mint, launch.pos, launch.creator, launch.launcher, launch.bonding_curve)
                for mint, launch in changes.launches.items()
            ]
            await _LAUNCH.merge(connection, launches)
        if changes.liquidity:
            moved = [(*key, *astuple(each)) for key, each in sorted(changes.liquidity.items())]
            await _LIQUIDITY.merge(connection, moved)
