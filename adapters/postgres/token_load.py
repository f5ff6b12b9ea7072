"""Fills empty tables of tokens' cards."""

from collections.abc import Sequence
from typing import ClassVar

import polars as pl

from adapters.postgres.pool import Connection
from adapters.postgres.staged_load import Parts, StagedLoad
from adapters.postgres.tokens import ANYONES_TEXTS, RECKON_ALL, TokenStore
from projections.token_frames import GROUPS, KNOWN, SUMS, Group

# ruff: noqa: S608  # names of columns only

SORT_MEMORY_MB = 20
"""A dozen sorts may take so much each; what is more goes to the disk."""

_CARD, _BURN, _REPORT = TokenStore.tables


def _chosen(name: str, group: Group) -> str:
    """Of each token the event that a group of columns is of, beside what adds up."""
    pos, *_ = group.columns
    order = {
        "first": group.by,
        "last": f"{group.by} desc",
        "highest": f"{group.by} desc, {pos}",
    }[group.keeps]
    return (
        f"left join (select distinct on (mint) mint, {', '.join(group.columns)} from parts"
        f" where {group.by} is not null order by mint, {order}) as {name} using (mint)"
    )


_SUMMED = ", ".join(
    (*(f"max({it}) as {it}" for it in KNOWN), *(f"sum({it}) as {it}" for it in SUMS))
)
_CARDS = f"""
    select {", ".join(_CARD.columns)}
    from (select mint, {_SUMMED} from parts group by mint) as summed
    {" ".join(_chosen(name, group) for name, group in GROUPS.items())}
    order by mint
"""
_ONCE = "select distinct on (mint, pos) * from parts order by mint, pos"


class TokenLoad(StagedLoad):
    """Fills cards, what was burned of each token, and what was reported of it."""

    name: ClassVar = TokenStore.name
    table: ClassVar = _CARD
    beside: ClassVar = (_BURN, _REPORT)
    parts: ClassVar = (Parts(_CARD, _CARDS), Parts(_BURN, _ONCE), Parts(_REPORT, _ONCE))

    async def copy(self, connection: Connection, schema: str, made: Sequence[pl.DataFrame]) -> int:
        """Send parts, with texts that the database can hold."""
        cards, *others = made
        kept = [pl.col(it).str.replace_all("\0", "", literal=True) for it in ANYONES_TEXTS]
        return await super().copy(connection, schema, [cards.with_columns(kept), *others])

    async def fill(self, connection: Connection) -> int:
        """Put the parts together, then reckon the supplies that burns touch."""
        # Nothing is known of the parts, so a few are expected, and all would be tried with all.
        await connection.execute("set local enable_nestloop = off")
        # Each group of columns is sorted by itself, all of them at once.
        await connection.execute(f"set local work_mem = '{SORT_MEMORY_MB}MB'")
        rows = await super().fill(connection)
        await connection.execute(RECKON_ALL)
        return rows
