"""Puts together who held a token at a position, from all that is kept by position.

Wallets that have not moved it since are as they are kept. What the others had is added up once more
from trades and liquidity.
"""

import msgspec

from adapters.postgres.asking import asking, can_be_asked, int64, integers
from adapters.postgres.holder_reads import RANKED, Totals, asked_of, classed, holders_row, totals
from adapters.postgres.pool import Pool
from projections.holder_reads import Definitions, HolderRow, HoldersRow, KeptFrom

# ruff: noqa: S608  # the program's own text only

_PLANNED = "select set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true)"
"""Where a table has not been looked at since it was small, each trade would be compared with each
wallet. What has to be a loop stays one, and is made so dear that it would be compiled."""

_STANDING = """
    select coalesce(least(created_pos, completed_pos, graduated_pos, pool_pos) <= $2, false)
            or exists (select from token_reports where mint = $1 and pos <= $2)
            or exists (select from trades where mint = $1 and pos <= $2)
            or exists (
                select from holders where mint = $1 and first_pos <= $2 and first_pos < horizon.pos
            ) as named,
        greatest(
            case when exists (
                select from holders
                where mint = $1 and first_pos <= $2 and last_pos > $2 and first_pos < horizon.pos
            ) then (select max(last_pos) from holders where mint = $1 and first_pos < horizon.pos)
            end,
            case when supplied_pos > $2 and coalesce(created_pos, 0) < horizon.pos and not exists (
                select from trades
                where mint = $1 and pos between horizon.pos and $2 and supply is not null
            ) and not exists (
                select from token_reports
                where mint = $1 and pos between horizon.pos and $2 and supply is not null
            ) then supplied_pos end
        ) as kept_from_pos
    from tokens left join horizons as horizon on horizon.name = 'trades' where mint = $1
"""
"""Whether anything had named the mint by a position and, where trades are missing of which its
holders would be put together, from where on they can be told."""

_HELD = """
    since as materialized (
        select wallet, first_pos, first_time_s, first_buy_pos from holders
        where mint = $1 and first_pos <= $7 and last_pos > $7
    ), moved as (
        select trader as wallet, side = 'buy' as bought,
            coalesce(user_token_amount, token_amount) as amount,
            array[pos, block_time_s, coalesce(user_token_balance, -1)] as moment
        from trades where mint = $1 and pos between (select min(first_pos) from since) and $7
        union all
        select wallet, null, amount, array[pos, time_s, -1]
        from holder_liquidity where mint = $1 and pos <= $7
    ), summed as (
        select wallet, max(moment) as ending,
            coalesce(sum(amount) filter (where bought), 0) as bought,
            coalesce(sum(amount) filter (where not bought), 0) as sold,
            coalesce(sum(amount) filter (where bought is null and amount > 0), 0) as withdrawn,
            coalesce(sum(amount) filter (where bought is null), 0) as liquidity
        from moved join since using (wallet) group by wallet
    ), moved_since as (
        select since.*, bought, sold, withdrawn, ending[2]::bigint as last_time_s,
            case when ending[3] >= 0 then ending[3] end as reported,
            bought - sold + liquidity as net
        from since join summed using (wallet)
    ), held as (
        select wallet, balance, bought, sold, withdrawn, received, sent, reported, first_buy_pos,
            first_time_s, last_time_s
        from holders where mint = $1 and last_pos <= $7
        union all
        select wallet, balance, bought, sold, withdrawn, greatest(balance - net, 0),
            greatest(net - balance, 0), reported,
            case when first_buy_pos <= $7 then first_buy_pos end, first_time_s, last_time_s
        from moved_since cross join lateral (
            select coalesce(reported, greatest(net, 0)) as balance
        ) as kept
    )
"""
"""Of the last move by then it takes time and report together: arrays are compared from their first
element on, and no two moves have one position."""

_SUPPLY = """
    (
        select case when supplied_pos <= $7 then supply_reported else found.supply end - coalesce((
            select sum(amount) from token_burns
            where token_burns.mint = $1 and pos <= $7
                and pos > case when supplied_pos <= $7 then supplied_pos else found.pos end
        ), 0)
        from tokens left join lateral (
            (
                select pos, trades.supply from trades
                where trades.mint = $1 and pos <= $7 and trades.supply is not null
                    and supplied_pos > $7
                order by pos desc limit 1
            ) union all (
                select pos, token_reports.supply from token_reports
                where token_reports.mint = $1 and pos <= $7 and token_reports.supply is not null
                    and supplied_pos > $7
                order by pos desc limit 1
            )
            order by pos desc limit 1
        ) as found on true
        where tokens.mint = $1
    )
"""

_TOP = ", ".join(f"{name} as its_{name}" for name in HolderRow.__struct_fields__)
HOLDERS = f"""
    {classed(_HELD, pos="$7")}, {RANKED}, told as ({totals(_SUPPLY)})
    select told.*, listed.* from told left join (
        select {_TOP}, place from ranked where balance > 0 and place <= $6
    ) as listed on true
    order by place
"""
"""The totals, in each row once more, with the largest holders, of whom there may be none."""


class PostgresPastHolders:
    """Part of the port `projections.holder_reads.HolderReads`."""

    _pool: Pool
    _definitions: Definitions

    async def holders_until(
        self, mint: str, *, limit: int, pos: int
    ) -> HoldersRow | KeptFrom | None:
        """Who held a token at a position; None where nothing had named the mint by then.

        Where trades that they would have to be put together from were let go of, from where on
        they can be told.
        """
        if not can_be_asked(mint):
            return None
        pos = int64(pos)
        async with (
            asking(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            standing = await connection.fetchrow(_STANDING, mint, pos)
            if standing is None or not standing["named"]:
                return None
            if standing["kept_from_pos"] is not None:
                return KeptFrom(pos=standing["kept_from_pos"])
            asked = asked_of(mint, self._definitions)
            await connection.execute(_PLANNED)
            rows = [integers(it) for it in await connection.fetch(HOLDERS, *asked, limit, pos)]
        top = [
            {name: row[f"its_{name}"] for name in HolderRow.__struct_fields__}
            for row in rows
            if row["its_wallet"] is not None
        ]
        return holders_row(msgspec.convert(rows[0], Totals), msgspec.convert(top, list[HolderRow]))
