"""Fills empty tables of holders."""

from typing import ClassVar

from adapters.postgres.holders import HolderStore
from adapters.postgres.pool import Connection
from adapters.postgres.staged_load import Parts, StagedLoad

_HOLDING, _LAUNCH, _LIQUIDITY, _COUNT = HolderStore.tables
_HOLDINGS = """
    select mint, wallet, beginning[1], beginning[2], ending[1], ending[2],
        first_buy_pos, bought, sold, deposited, withdrawn, ending[3]
    from (
        select mint, wallet,
            min(array[first_pos, first_time_s]) as beginning,
            max(array[last_pos, last_time_s, reported]) as ending,
            min(first_buy_pos) as first_buy_pos,
            sum(bought) as bought, sum(sold) as sold,
            sum(deposited) as deposited, sum(withdrawn) as withdrawn
        from parts group by mint, wallet
    ) as whole
    order by mint, wallet
"""
"""Of each wallet's first and last move it takes all that is known there, a null among it: arrays
are compared from their first element on, and no two moves have one position."""
_LAUNCHES = "select distinct on (mint) * from parts order by mint, pos"
_MOVED = "select * from parts order by mint, pos"
_COUNTS = """
    insert into holder_counts
    select mint, count(*) filter (where balance > 0) from holders group by mint
"""


class HolderLoad(StagedLoad):
    """Fills holdings, launches, liquidity, and how many hold each token."""

    name: ClassVar = HolderStore.name
    table: ClassVar = _HOLDING
    beside: ClassVar = (_LAUNCH, _LIQUIDITY, _COUNT)
    parts: ClassVar = (
        Parts(_HOLDING, _HOLDINGS),
        Parts(_LAUNCH, _LAUNCHES),
        Parts(_LIQUIDITY, _MOVED),
    )

    async def fill(self, connection: Connection) -> int:
        """Put the parts together, and count what comes of it."""
        rows = await super().fill(connection)
        await connection.execute(_COUNTS)
        return rows
