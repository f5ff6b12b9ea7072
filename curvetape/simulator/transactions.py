"""Whole transactions: legs put into their shape, paid for, signed and remembered.

The signatures are 64 bytes by chance and cannot be verified: signing for real would cost as much
as all the rest, and nobody who reads blocks verifies them again. Everything else is as on chain.
"""

from collections.abc import Callable, Sequence
from random import Random

from curvetape.simulator.accounts import TOKEN, TOKEN_2022, WSOL_KEY, associated, key
from curvetape.simulator.balances import token_balances
from curvetape.simulator.calls import Form, open_account, trade, unwrap, wrap
from curvetape.simulator.drafts import Account, Draft, Version, fixed
from curvetape.simulator.events import Emitted, Pending
from curvetape.simulator.legs import Balance, Leg, u64
from curvetape.simulator.shapes import SIGNATURE_LAMPORTS, Shape
from curvetape.simulator.state import World
from curvetape.simulator.wire import Hole, varint

SHAPES_MAX = 4_096
"""Settled forms of transactions that are kept; a market uses a few hundred."""
PRIORITY_LAMPORTS_MIN = (1 << 14) + 2
PRIORITY_LAMPORTS_MAX = (1 << 21) - 1
SLIPPAGE_EXCEEDED = 0x1771

ROUTERS = tuple(
    key(address)
    for address in (
        "rapidV5DAKtecYzetwCNoxXWHpezjeg4hGt9BGiVcGW",
        "term9YPb9mzAsABaqN71A4xdbxHmpBNZavpBiQKZzN3",
        "6Vo3245eszAb5wuqEMw8mGdbfRUdKbHhDHP5LcaGuTAB",
        "BSfD6SHZigAfDWSjzD5Q41jw8LmKwtmjskPH9XW1mrRW",
        "J7pourVwqP1VtRNBiFNqbdGxwkx7ta2LHAURURRRJqmd",
    )
)
_VERSIONS: tuple[Version, ...] = ("legacy", "v0", "v1", "v0", "v1", "v1")


def any_version(random: Random) -> Version:
    """A message format; half of all transactions use the newest."""
    return _VERSIONS[int(random.random() * len(_VERSIONS))]


class Writer:
    """Writes the transactions of one block after the other, and what they emitted."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._shapes: dict[object, Shape] = {}
        self.written: list[bytes] = []
        self.emitted: list[Emitted] = []
        self._index = 0
        self._blockhash = bytes(32)

    def open_block(self, recent_blockhash: bytes) -> None:
        """Begin a block."""
        self.written, self.emitted = [], []
        self._index = int(self._world.random.random() * 8)
        self._blockhash = recent_blockhash

    @property
    def next_index(self) -> int:
        """The index in the block that the next transaction has at least."""
        return self._index

    def shape(self, about: object, make: Callable[[], Shape]) -> Shape:
        """A settled form, made when it is first needed."""
        known = self._shapes.get(about)
        if known is None:
            if len(self._shapes) >= SHAPES_MAX:
                self._shapes.clear()
            known = self._shapes[about] = make()
        return known

    def trades(
        self, trader: int, legs: Sequence[Leg], *, router: bytes | None, fails: bool = False
    ) -> None:
        """A transaction with trades; one that fails changes nothing but the payer's balance."""
        version = any_version(self._world.random)
        forms = tuple(leg.form for leg in legs)
        about = (version, router, fails, forms)
        shape = self.shape(about, lambda: _trading(version, router, forms, fails=fails))
        values: dict[str, bytes] = {}
        lamports: dict[str, tuple[int, int]] = {}
        balances: list[Balance] = []
        events: list[Pending] = []
        gained = wrapped = 0
        for leg in legs:
            values.update(leg.values)
            lamports.update(leg.lamports)
            balances += leg.balances
            events += leg.events
            gained += leg.user_lamports
            wrapped += leg.wrapped
        values["wrapped"] = u64(wrapped)
        values["user_wrapped"] = associated(self._world.crowd.key(trader), WSOL_KEY, TOKEN)
        self.write(shape, trader, values, lamports, balances, gained, events)
        if not fails:
            for leg in legs:
                leg.settle()

    def write(
        self,
        shape: Shape,
        trader: int,
        values: dict[str, bytes],
        lamports: dict[str, tuple[int, int]],
        balances: Sequence[Balance],
        gained: int,
        events: Sequence[Pending],
    ) -> None:
        """Write a transaction of a settled shape and remember the events that it emitted."""
        world, random = self._world, self._world.random
        user = world.crowd.key(trader)
        signature = random.randbytes(64)
        spread = random.random() ** 6
        priority = PRIORITY_LAMPORTS_MIN + int(
            spread * (PRIORITY_LAMPORTS_MAX - PRIORITY_LAMPORTS_MIN)
        )
        price = priority * 1_000_000 // shape.units_max
        priority = -(-price * shape.units_max // 1_000_000)
        fee = SIGNATURE_LAMPORTS * shape.signers + priority
        values["user"] = user
        values["signature"] = signature
        values["blockhash"] = self._blockhash
        values["price"] = u64(price)
        values["priority"] = varint(priority)
        for place in range(1, shape.signers):
            values[f"signature.{place}"] = random.randbytes(64)
        held = world.lamports(trader, fee - gained)
        if shape.failed:
            lamports = {name: (before, before) for name, (before, _) in lamports.items()}
            gained = 0
        lamports["user"] = (held, held - fee + gained)
        world.purses.lamports[trader] = held - fee + gained
        index = self._index
        self._index += 1 + int(random.expovariate(0.8))
        places = shape.index
        tokens: list[tuple[bytes | None, bytes | None]] = []
        for account, texts, owner, decimals, before, after in balances:
            place = places[account]
            if shape.failed or before == after:
                (same,) = token_balances(place, texts, owner, decimals, before)
                tokens.append((same, same))
            else:
                old, new = token_balances(place, texts, owner, decimals, before, after)
                tokens.append((old, new))
        self.written.append(shape.write(values, fee, lamports, tokens, index))
        if not shape.failed:
            for (outer, inner), event in zip(shape.event_places, events, strict=True):
                self.emitted.append(
                    Emitted(index, signature, outer, inner, event.encoder, event.values)
                )


def _trading(
    version: Version, router: bytes | None, forms: tuple[Form, ...], *, fails: bool
) -> Shape:
    draft = Draft(version)
    draft.budget()
    for leg, form in enumerate(forms):
        if form.opens_account:
            account = Account(f"user_ata.{leg}", writable=True, lamports=None)
            user = Account("user", writable=True, signer=True, lamports=None)
            open_account(draft, account, user, Account(f"mint.{leg}"), TOKEN_2022)
    wraps = any(form.kind.market == "pool" and form.in_sol for form in forms)
    if wraps:
        wrap(draft, Hole("wrapped", 8))
    if router is not None:
        called = [Account("user", writable=True, signer=True, lamports=None)]
        failure = SLIPPAGE_EXCEEDED if fails else None
        route = b"\x2a" + bytes((len(forms),)) + bytes(14)
        with draft.call(router, called, route, units=8_400, failure=failure):
            for leg, form in enumerate(forms):
                trade(draft, form, leg)
    else:
        for leg, form in enumerate(forms):
            trade(draft, form, leg)
        if fails:
            guarded = (fixed(WSOL_KEY),)
            with draft.call(ROUTERS[0], guarded, b"\x07", units=900, failure=SLIPPAGE_EXCEEDED):
                pass
    if wraps and not fails:
        unwrap(draft)
    return draft.finish()
