"""Rankings of a window, brought up to date when they are asked for.

A window moves on without an event, and projections have no clock; whoever asks has one. So the
question moves it: tokens that changed since the last one, and those with a bucket in the minutes
that came or went, are measured again, and nobody else.
"""

from collections.abc import Iterable, Sequence

import msgspec

from adapters.valkey.client import Command, Condition, Valkey
from adapters.valkey.keys import GenerationKeys, Keys
from adapters.valkey.leaderboards import NEWEST_S, RETAINED_S, TOUCHED_MAX
from adapters.valkey.standings import measured, placements, rows
from adapters.valkey.values import COMMAND_VALUES_MAX, cut, flat, priced_minute, standing
from projections.buckets import MINUTE_S
from projections.leaderboards import Leaderboards
from projections.ranking import Ranking, Standing
from projections.windows import Span, Window, span_at

ATTEMPTS_MAX = 10
IDLE_S_MAX = 3_600
"""A board that nobody asks for is forgotten after so long."""
MEASURED_MAX = 200
"""Tokens whose buckets are read at a time."""

_PAGE = """
    local span = redis.call('HMGET', KEYS[1], 'from_s', 'to_s', 'sol_usd')
    if span[1] ~= ARGV[1] or span[2] ~= ARGV[2] or span[3] ~= ARGV[3] then return false end
    local mints = redis.call('ZRANGE', KEYS[2], ARGV[4], ARGV[5])
    if #mints == 0 then return {} end
    return redis.call('HMGET', KEYS[3], unpack(mints))
"""


class BoardContestedError(Exception):
    """Others moved the board to other minutes each time that it was where it should be."""


class _Board(msgspec.Struct, frozen=True, kw_only=True):
    """What a window's rankings are of."""

    turn: str
    """Counts how often they were changed."""
    span: Span
    sequence: int
    sol_usd: str


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """Where the read model and one of its boards are."""

    sequence: int
    newest_s: int
    touched: int
    touched_from: int
    """The lowest checkpoint of which it is known who changed with it."""
    board: _Board | None
    sol_usd: str
    """What a SOL was worth before the minute under way, as text that is the same for the same."""

    @property
    def follows(self) -> bool:
        """Whether it is known which tokens the board has to measure again."""
        board = self.board
        return (
            board is not None
            and board.sequence <= self.sequence
            and board.span.from_s > self.newest_s - RETAINED_S
            and (self.touched < TOUCHED_MAX or board.sequence >= self.touched_from)
        )


class Boards:
    """All rankings of all windows."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey
        self._keys = Keys(Leaderboards.name)

    async def page(
        self, ranking: Ranking, window: Window, *, at_s: int, limit: int, offset: int
    ) -> Sequence[Standing]:
        """A stretch of a ranking, as it is at that time.

        Raises `BoardContestedError`, and what the client raises.
        """
        span = span_at(window, at_s)
        for _ in range(ATTEMPTS_MAX):
            generation = await self._valkey.one("GET", self._keys.generation)
            if not generation:
                return []
            keys = self._keys.of(generation)
            sol_usd = await self._slide(generation, window, span)
            found = await self._valkey.run(
                _PAGE,
                [keys.board(window), keys.ranking(window, ranking), keys.standings(window)],
                str(span.from_s),
                str(span.to_s),
                sol_usd,
                str(offset),
                str(offset + limit - 1),
            )
            if found is not None:
                worth = float(sol_usd) if sol_usd else None
                return [msgspec.structs.replace(standing(each), sol_usd=worth) for each in found]
        raise BoardContestedError(f"the {window} board was moved {ATTEMPTS_MAX} times meanwhile")

    async def _slide(self, generation: str, window: Window, span: Span) -> str:
        """Bring the board to the span and to the checkpoint of now, unless others do.

        Says what a SOL is worth on it, '' where that is not known.
        """
        keys = self._keys.of(generation)
        state = await self._state(keys, window, span)
        board, sol_usd = state.board, state.sol_usd
        now = (span, state.sequence, sol_usd)
        if board is not None and (board.span, board.sequence, board.sol_usd) == now:
            return sol_usd
        commands: list[Command] = []
        if not state.follows:
            commands.append(["UNLINK", *rows(keys, window)])
            stale = await self._traded(keys, span)
        else:
            assert board is not None, "a board that follows is there"
            stale = await self._changed(keys, board, span)
            if board.sol_usd != sol_usd:
                stale.update(await self._valkey.one("SMEMBERS", keys.valued(window)))
        worth = float(sol_usd) if sol_usd else None
        for mints in cut(sorted(stale), MEASURED_MAX):
            found = await measured(self._valkey, keys, window, span, mints, sol_usd=worth)
            commands += placements(keys, window, mints, found)
        place = {
            "turn": str(int(board.turn) + 1 if board else 1),
            "from_s": str(span.from_s),
            "to_s": str(span.to_s),
            "sequence": str(state.sequence),
            "sol_usd": sol_usd,
        }
        commands.append(["HSET", keys.board(window), *flat(place.items())])
        every = (keys.board(window), *rows(keys, window))
        commands += (("EXPIRE", key, str(IDLE_S_MAX)) for key in every)
        conditions = (
            Condition(("GET", self._keys.generation), generation),
            Condition(("HGET", keys.board(window), "turn"), board.turn if board else ""),
        )
        await self._valkey.change(conditions, commands, spoilt=("DEL", keys.board(window)))
        return sol_usd

    async def _state(self, keys: GenerationKeys, window: Window, span: Span) -> _State:
        # The board first: its checkpoint is never ahead. Then the read model's: what is saved
        # behind it may be measured already, and is measured again next time.
        before = f"({span.to_s - MINUTE_S}"
        board, place, touched, lowest, prices = await self._valkey.ask(
            [
                ("HMGET", keys.board(window), "turn", "from_s", "to_s", "sequence", "sol_usd"),
                ("HMGET", keys.checkpoint, "sequence", NEWEST_S),
                ("ZCARD", keys.touched),
                ("ZRANGE", keys.touched, "0", "0", "WITHSCORES"),
                ("ZREVRANGEBYSCORE", keys.prices, before, "-inf", "LIMIT", "0", "1"),
            ]
        )
        turn, *numbers = board
        return _State(
            sequence=int(place[0] or 0),
            newest_s=int(place[1] or 0),
            touched=touched,
            touched_from=int(float(lowest[1])) if lowest else 0,
            sol_usd=repr(float(priced_minute(prices[0]).price.usd)) if prices else "",
            board=None
            if not turn
            else _Board(
                turn=turn,
                span=Span(int(numbers[0]), int(numbers[1])),
                sequence=int(numbers[2]),
                sol_usd=numbers[3] or "",
            ),
        )

    async def _traded(self, keys: GenerationKeys, span: Span) -> set[str]:
        """All tokens with a bucket in the span."""
        return await self._union(
            keys.traded(each.length_s, start_s)
            for each in span.stretches()
            for start_s in range(each.from_s, each.to_s, each.length_s)
        )

    async def _changed(self, keys: GenerationKeys, board: _Board, span: Span) -> set[str]:
        """The tokens whose place can be another one than on the board."""
        touched = await self._valkey.one(
            "ZRANGEBYSCORE", keys.touched, f"({board.sequence}", "+inf"
        )
        moved = board.span.minutes() ^ span.minutes()
        traded = await self._union(keys.traded(MINUTE_S, start_s) for start_s in moved)
        return traded.union(touched)

    async def _union(self, keys: Iterable[str]) -> set[str]:
        parts = cut(list(keys), COMMAND_VALUES_MAX)
        found = await self._valkey.ask([["SUNION", *some] for some in parts])
        return {mint for mints in found for mint in mints}
