"""Fills empty tables of tokens' cards."""

from collections.abc import Sequence
from typing import ClassVar

import polars as pl

from adapters.postgres.pool import Connection
from adapters.postgres.staged_load import Parts, StagedLoad, grouped, sort_groups
from adapters.postgres.tokens import ANYONES_TEXTS, RECKON_ALL, TokenStore
from projections.token_frames import GROUPS, KNOWN, SUMS

_CARD, _BURN, _REPORT = TokenStore.tables
_SUMMED = (*(f"max({it}) as {it}" for it in KNOWN), *(f"sum({it}) as {it}" for it in SUMS))
_CARDS = grouped(_CARD.columns, key=("mint",), others=_SUMMED, groups=GROUPS)
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
        await sort_groups(connection)
        rows = await super().fill(connection)
        await connection.execute(RECKON_ALL)
        return rows
