"""Answers for launches, graduations and creators from the tokens' and trades' tables."""

from collections.abc import Sequence

from adapters.postgres.asking import INT64_MAX, asking, can_be_asked, int64, rows_of
from adapters.postgres.card_rows import CARD
from adapters.postgres.pool import Pool
from domain.position import INSTRUCTION_BITS
from projections.feed_reads import CreatorRow, GraduationRow, LaunchRow
from projections.labels import PROGRESS_MIN
from projections.reads import Page, TokenRow

# ruff: noqa: S608  # the program's own text only

_TRANSACTION = f"(launch.created_pos >> {INSTRUCTION_BITS})"
LAUNCHES = f"""
    select card.*, launch.created_user, initial.*
    from tokens as launch join ({CARD}) as card on card.mint = launch.mint
    cross join lateral (
        select count(*) as initial_buys,
            coalesce(sum(quote_amount), 0) as initial_buy_quote_amount,
            coalesce(sum(token_amount), 0) as initial_buy_token_amount
        from trades
        where mint = launch.mint and canonical and side = 'buy'
            and pos >= {_TRANSACTION} << {INSTRUCTION_BITS}
            and pos < ({_TRANSACTION} + 1) << {INSTRUCTION_BITS}
            and trader in (launch.created_user, launch.creator)
    ) as initial
    where launch.created_pos < $1
    order by launch.created_pos desc limit $2
"""
GRADUATIONS = f"""
    select card.*, moved.graduated_pos, moved.graduated_pool, moved.graduated_token_amount,
        moved.graduated_quote_amount, moved.graduated_fee_amount
    from tokens as moved join ({CARD}) as card on card.mint = moved.mint
    where moved.graduated_pos < $1
    order by moved.graduated_pos desc limit $2
"""
_UNGRADUATED = f"""
    {CARD} where graduated_pos is null and pool_pos is null and progress >= {PROGRESS_MIN}
        and progress >= $1
"""
ABOUT_TO_GRADUATE = f"{_UNGRADUATED} order by progress desc, mint limit $2"
ABOUT_TO_GRADUATE_BEHIND = f"""
    {_UNGRADUATED} and progress <= $3 and (progress < $3 or mint > $4)
    order by progress desc, mint limit $2
"""
CREATOR = """
    select count(*) as launches, count(*) filter (where state = 'graduated') as graduations
    from tokens where creator = $1 and created_pos is not null
"""
CREATED_BY = f"{CARD} where creator = $1 and created_pos < $2 order by created_pos desc limit $3"


class PostgresFeeds:
    """The port `projections.feed_reads.FeedReads`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def launches(self, *, limit: int, before_pos: int | None = None) -> Sequence[LaunchRow]:
        """Launches, newest first."""
        async with asking(self._pool) as connection:
            return await rows_of(connection, LaunchRow, LAUNCHES, _bound(before_pos), limit)

    async def graduations(
        self, *, limit: int, before_pos: int | None = None
    ) -> Sequence[GraduationRow]:
        """Migrations that the log holds, newest first."""
        async with asking(self._pool) as connection:
            return await rows_of(connection, GraduationRow, GRADUATIONS, _bound(before_pos), limit)

    async def about_to_graduate(self, *, progress_min: float, page: Page) -> Sequence[TokenRow]:
        """Tokens that have not graduated by descending progress, then by mint."""
        sql = ABOUT_TO_GRADUATE
        arguments: list[object] = [progress_min, page.limit]
        if page.after is not None:
            progress, mint = page.after
            sql = ABOUT_TO_GRADUATE_BEHIND
            arguments += [float(progress), mint]
        if not can_be_asked(*arguments):
            return []
        async with asking(self._pool) as connection:
            return await rows_of(connection, TokenRow, sql, *arguments)

    async def creator(self, address: str) -> CreatorRow:
        """What an address has made; zeros for one that is no token's creator."""
        if not can_be_asked(address):
            return CreatorRow(launches=0, graduations=0)
        async with asking(self._pool) as connection:
            return (await rows_of(connection, CreatorRow, CREATOR, address))[0]

    async def created_by(
        self, address: str, *, limit: int, before_pos: int | None = None
    ) -> Sequence[TokenRow]:
        """The tokens that name the address as their creator, newest first."""
        if not can_be_asked(address):
            return []
        before = _bound(before_pos)
        async with asking(self._pool) as connection:
            return await rows_of(connection, TokenRow, CREATED_BY, address, before, limit)


def _bound(before_pos: int | None) -> int:
    return INT64_MAX if before_pos is None else int64(before_pos)
