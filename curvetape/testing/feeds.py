"""Launches, graduations and creators in memory: what the stores promise the query side."""

from collections.abc import Sequence

import msgspec

from curvetape.testing.portfolios import MemoryPortfolios
from domain.events import Side
from domain.position import INSTRUCTION_BITS
from projections import tokens
from projections.feed_reads import CreatorRow, GraduationRow, LaunchRow
from projections.reads import Page, TokenRow, curve_progress

BUY: Side = "buy"


class MemoryFeeds(MemoryPortfolios):
    """Fits `projections.feed_reads.FeedReads`, beside the read models that it joins."""

    _changes: tokens.Changes

    async def launches(self, *, limit: int, before_pos: int | None = None) -> Sequence[LaunchRow]:
        """Launches, newest first."""
        self._ask()
        return [self._launch(row) for row in self._launched(before_pos)[:limit]]

    async def graduations(
        self, *, limit: int, before_pos: int | None = None
    ) -> Sequence[GraduationRow]:
        """Migrations that the log holds, newest first."""
        self._ask()
        found = [
            GraduationRow(
                **msgspec.structs.asdict(self._tokens[mint]),
                graduated_pos=moved.pos,
                graduated_pool=moved.pool,
                graduated_token_amount=moved.token_amount,
                graduated_quote_amount=moved.quote_amount,
                graduated_fee_amount=moved.fee_amount,
            )
            for mint, change in self._changes.items()
            if (moved := change.graduated) is not None
            and (before_pos is None or moved.pos < before_pos)
        ]
        return sorted(found, key=lambda row: -row.graduated_pos)[:limit]

    async def about_to_graduate(self, *, progress_min: float, page: Page) -> Sequence[TokenRow]:
        """Tokens that have not graduated by descending progress, then by mint."""
        self._ask()
        ranked = sorted(
            (-progress, row.mint)
            for row in self._tokens.values()
            if row.state != "graduated"
            and (progress := curve_progress(row)) is not None
            and progress >= progress_min
        )
        if page.after is not None:
            value, mint = page.after
            ranked = [place for place in ranked if place > (-value, mint)]
        return [self._tokens[mint] for _, mint in ranked[: page.limit]]

    async def creator(self, address: str) -> CreatorRow:
        """What an address has made; zeros for one that is no token's creator."""
        self._ask()
        made = [row for row in self._launched(None) if row.creator == address]
        graduations = sum(row.state == "graduated" for row in made)
        return CreatorRow(launches=len(made), graduations=graduations)

    async def created_by(
        self, address: str, *, limit: int, before_pos: int | None = None
    ) -> Sequence[TokenRow]:
        """The tokens that name the address as their creator, newest first."""
        self._ask()
        return [row for row in self._launched(before_pos) if row.creator == address][:limit]

    def _launched(self, before_pos: int | None) -> list[TokenRow]:
        placed = [
            (row.created_pos, row)
            for row in self._tokens.values()
            if row.created_pos is not None and (before_pos is None or row.created_pos < before_pos)
        ]
        return [row for _, row in sorted(placed, key=lambda each: -each[0])]

    def _launch(self, row: TokenRow) -> LaunchRow:
        created = self._changes[row.mint].created
        assert created is not None, "it is a launch"
        transaction = created.pos >> INSTRUCTION_BITS
        initial = [
            trade
            for trade in self._trades.get(row.mint, [])
            if trade.pos >> INSTRUCTION_BITS == transaction
            and trade.canonical
            and trade.side == BUY
            and trade.user in {created.user, created.creator}
        ]
        return LaunchRow(
            **msgspec.structs.asdict(row),
            created_user=created.user,
            initial_buys=len(initial),
            initial_buy_quote_amount=sum(trade.quote_amount for trade in initial),
            initial_buy_token_amount=sum(trade.token_amount for trade in initial),
        )
