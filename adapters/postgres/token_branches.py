"""The parts of a list of tokens, each in the order that one index has, or none."""

import msgspec

from adapters.postgres.token_spans import OF_USDC, POS
from domain.programs import NATIVE_SOL, WRAPPED_SOL
from projections.dollars import USDC_UNIT_COINS
from projections.token_lists import AMOUNTS, ListSort

# ruff: noqa: S608  # statements are put together from the constants of this module only

_HELD = "(case when state = 'graduated' then held_quote_reserves else real_quote_reserves end * 2)"
_QUOTE_MINT = "coalesce(last_trade_quote_mint, created_quote_mint)"
AMOUNT: dict[ListSort, tuple[str, str]] = {
    "market_cap": ("market_cap", "double precision"),
    "volume": ("volume_quote", "numeric"),
    "liquidity": (_HELD, "numeric"),
}
"""Amounts of quote, and their types."""
PLAIN: dict[ListSort, tuple[str, str]] = {
    "last_trade": ("coalesce(last_trade_pos, -1)", "bigint"),
    "created": ("coalesce(created_time_s, -1)", "bigint"),
    "trades": ("trades", "bigint"),
    "progress": ("coalesce(progress, -1)", "double precision"),
    "change": ("change", "double precision"),
    "holders": ("holders", "bigint"),
}
"""What the other sorts compare, as the index has it where there is one, and its type."""
NEAR = "0.5"
"""The progress from which on an index has it."""
_SOLD = "state = 'graduated' and ($2::text is null or $2 = 'graduated')"
_SOLD += " and ($12::float8 is null or $12 >= 1)"
_NEAR = f"progress >= {NEAR} and graduated_pos is null and pool_pos is null"
_NEAR += " and ($2::text is null or $2 <> 'graduated')"
"""Where their indexes are read for something: not where a filter leaves all of them out."""
COUNTED, UNCOUNTED = "counted", "uncounted"
"""Tokens that wallets have moved, and the others: nobody holds them."""
CURRENT = frozenset(("tokens", "windowed", "windowed_of_usdc", COUNTED, UNCOUNTED))
"""What is of now; the rest is of the list's moment."""
WORDED = """
    select mint from search_documents
    where words like all($15) or starts_with(mint, $16) or starts_with(creator, $16)
"""
"""Mints by a text, where one is asked for."""
OWN_FILTERS = f"""
    listed
    and ($2::text is null or state = $2)
    and ($3::text is null or case when pool_pos is null then 'curve' else 'pool' end = $3)
    and ($4::text is null or {_QUOTE_MINT} = $4)
    and ($5::float8 is null or (for_sol and market_cap >= $5))
    and ($6::float8 is null or (for_sol and market_cap <= $6))
    and ($7::float8 is null or (for_sol and {_HELD} >= $7))
    and ($8::float8 is null or (for_sol and {_HELD} <= $8))
    and ($11::float8 is null or progress >= $11)
    and ($12::float8 is null or progress <= $12)
    and ($13::bigint is null or created_time_s >= $13)
    and ($14::bigint is null or created_time_s < $14)
    and ($15::text[] is null or mint in ({WORDED}))
    and $17::float8 is not null
    and $18::bigint is not null and $19::bigint is not null
    and $20::bigint is not null and $21::bigint is not null
"""
"""Behind what is asked, what a lamport is worth, and the minutes of the list: from $18 to $21, of
which [$19, $20) are taken as whole hours. Then the least and the most holders."""
VOLUMES = """
    and ($9::float8 is null or (for_sol and volume_quote >= $9))
    and ($10::float8 is null or (for_sol and volume_quote <= $10))
"""
"""Of the window, where there is one."""
ANY_VOLUME = " and $9::float8 is null and $10::float8 is null"
"""Where no volume is asked for, and none is added up."""
FILTERS = OWN_FILTERS + VOLUMES
UNHELD = "and $22::bigint is null and $23::bigint is null"
HOLDERS = """
    and ($22::bigint is null or holders >= $22)
    and ($23::bigint is null or holders <= $23)
"""
FIGURES = ", since_volume, since_trades, last_price"
"""What to take off what a token traded in the window, and the price that it had."""
_LAMPORT = "$17"
VALUE, _MINT, _POS, _SOL_BOUND, _USDC_BOUND = "$24", "$25", POS, "$27", "$28"
"""Behind those: where the page before ended, and the moment."""

LEADING = "$27", "$28"
FIRST_LEADING = "$24", "$25"
"""Where those end that can be of a page, by the keys of its branches; on the first page too."""

STILL = f"coalesce(last_trade_pos, -1) <= {_POS} and coalesce(created_pos, 0) <= {_POS}"


class Branch(msgspec.Struct, frozen=True):
    """A part of the list that one index, or none, has in its order."""

    value: str
    order: str
    condition: str
    key: str | None = None
    """What the branch's index has in its order, if there is one, and its type."""
    kind: str = "bigint"
    place: str = VALUE
    """Where the page before ended, by the key."""
    source: str = "tokens"
    last: bool = False
    """Whether it is behind all others, and not looked at where those fill the page."""

    @property
    def bound(self) -> str | None:
        """What alone bounds a scan of the index for the page."""
        return None if self.key is None else f"{self.key} <= {self.place}::{self.kind}"

    def down_to(self, place: str) -> str:
        """What bounds a scan at the other end."""
        return f"{self.condition} and {self.key} >= {place}::{self.kind}"


def branches_of(sort: ListSort, *, dollars: bool) -> list[Branch]:
    """What a list of all time is made of."""
    return _amount_branches(sort, dollars=dollars) if sort in AMOUNTS else _plain_branch(sort)


def kind_of(sort: ListSort) -> str:
    """The type of what it is sorted by."""
    return "bigint" if sort not in AMOUNTS and PLAIN[sort][1] == "bigint" else "float8"


def behind_place(value: str, kind: str) -> str:
    """What puts a row with a value behind the page before."""
    return f"({value} < {VALUE}::{kind} or ({value} = {VALUE}::{kind} and mint > {_MINT}))"


def behind_page(branch: Branch, kind: str) -> list[str]:
    """What puts a row of the branch behind the page before."""
    found = [behind_place(branch.value, kind)]
    if branch.bound is not None:
        found.append(branch.bound)
    if branch.source in CURRENT:
        found.append(STILL)
    return found


def with_holders(source: str) -> str:
    """The rows of a source with how many hold the token, as it is now."""
    if source == COUNTED:  # in the order of its index
        return "(select tokens.*, holders from holder_counts join tokens using (mint))"
    if source == UNCOUNTED:
        return """(
            select tokens.*, 0::bigint as holders from tokens
            where not exists (select from holder_counts where holder_counts.mint = tokens.mint)
        )"""
    return (
        "(select source.*, coalesce(holder_counts.holders, 0) as holders"
        f" from {source} as source left join holder_counts using (mint))"
    )


def _plain_branch(sort: ListSort) -> list[Branch]:
    value, kind = PLAIN[sort]
    order = f"{value} desc, mint"
    if sort == "holders":
        return [
            Branch(value, order, "true", value, kind, source=COUNTED),
            Branch("0::bigint", "mint", "true", source=UNCOUNTED),
            Branch(value, order, "true", source="moved"),
        ]
    if sort == "progress":
        rest = f"(select count(*) from valued where value >= {NEAR}) < $1"
        far = f"state <> 'graduated' and {value} < {NEAR}"
        return [
            Branch("1::float8", "mint", _SOLD, "1::float8", kind),
            Branch("progress", "progress desc, mint", _NEAR, "progress", kind),
            Branch(value, order, f"{far} and {rest}", last=True),
            Branch(value, order, "true", source="moved"),
        ]
    return [
        Branch(value, order, "true", value, kind),
        Branch(value, order, "true", source="moved"),
    ]


def _amount_branches(sort: ListSort, *, dollars: bool) -> list[Branch]:
    """What trades for SOL, what does for USDC, each by an index; the rest by mint."""
    amount, kind = AMOUNT[sort]
    indexed = f"(case when for_sol then coalesce({amount}, -1) else -1 end)"
    if sort == "volume":
        indexed = f"(case when for_sol then {amount} else -1 end)"
    lamport = f"{_LAMPORT}::float8"
    in_sol = f"({indexed})::float8 * {lamport}"
    in_usdc = f"{amount}::float8 * {USDC_UNIT_COINS!r}::float8"
    of_usdc = f"{OF_USDC} and {amount} >= 0"
    known, rest = f"when for_sol and {amount} >= 0 then {amount}::float8 * {lamport}", "else -1 end"
    branches = [
        Branch(
            in_sol,
            f"{indexed} desc, mint",
            f"{indexed} >= 0 and {_asked_for(NATIVE_SOL, WRAPPED_SOL)}",
            indexed,
            kind,
            _SOL_BOUND,
        )
    ]
    unvalued = f"{indexed} < 0"
    if dollars:
        branches.append(Branch(in_usdc, f"{amount} desc, mint", of_usdc, amount, kind, _USDC_BOUND))
        unvalued += f" and ({of_usdc}) is not true"
        known += f" when {of_usdc} then {in_usdc}"
    moved = f"(case {known} {rest})"
    return [
        *branches,
        Branch("(-1)::float8", "mint", unvalued),
        Branch(moved, f"{moved} desc, mint", "true", source="moved"),
    ]


def _asked_for(*quotes: str) -> str:
    """Whether a list can have tokens of these quotes, so that no index is read for nothing."""
    return f"($4::text is null or $4 in ({', '.join(map(repr, quotes))}))"
