"""Transactions of one instruction that is no trade: who is named, what moves, what is emitted."""

from typing import NamedTuple

from curvetape.simulator.accounts import TOKEN_2022
from curvetape.simulator.calls import MINT_RENT_LAMPORTS, TOKEN_RENT_LAMPORTS
from curvetape.simulator.drafts import Account, Draft, fixed
from curvetape.simulator.events import Pending
from curvetape.simulator.legs import Balance, u64
from curvetape.simulator.shapes import Shape
from curvetape.simulator.state import World
from curvetape.simulator.transactions import Writer, any_version
from curvetape.simulator.wire import Hole

USER = Account("user", writable=True, signer=True, lamports=None)
MINT = Account("mint", lamports=MINT_RENT_LAMPORTS)
QUOTE_MINT = Account("quote_mint", lamports=MINT_RENT_LAMPORTS)


class Move(NamedTuple):
    """A transfer of a token between two accounts of the instruction; names are accounts'."""

    source: str
    mint: str
    target: str
    owner: str
    program: bytes
    decimals: int


class Errand(NamedTuple):
    """An instruction as it will be called; its form is the same for all coins."""

    about: str
    program: bytes
    authority: bytes
    discriminator: bytes
    log: str
    accounts: tuple[Account, ...]
    moves: tuple[Move, ...] = ()
    through: bytes | None = None
    """A program that calls it in place of the user."""


def plain(name: str, lamports: int = TOKEN_RENT_LAMPORTS) -> Account:
    """An account whose lamports stay as they are."""
    return Account(name, writable=True, lamports=lamports)


def changed(name: str, *, when: bool = True) -> Account:
    """An account whose lamports the errand changes, under a condition."""
    return Account(name, writable=True, lamports=None if when else TOKEN_RENT_LAMPORTS)


def run(
    world: World,
    writer: Writer,
    errand: Errand,
    trader: int,
    values: dict[str, bytes],
    lamports: dict[str, tuple[int, int]],
    balances: list[Balance],
    events: list[Pending],
    amounts: tuple[int, ...] = (),
) -> None:
    """Write the errand's transaction; `amounts` are those of its moves."""
    version = any_version(world.random)
    sizes = tuple(len(event.data) for event in events)
    for number, event in enumerate(events):
        values[f"event.{number}"] = event.data
        values[f"log.event.{number}"] = event.logged
    for number, amount in enumerate(amounts):
        values[f"move.{number}"] = u64(amount)

    def make() -> Shape:
        draft = Draft(version)
        draft.budget()
        if errand.through is None:
            _call(draft, errand, sizes)
        else:
            log = "Instruction: UpdateMayhem"
            with draft.call(errand.through, (USER,), b"\x01", log=log, units=9_000):
                _call(draft, errand, sizes)
        return draft.finish()

    shape = writer.shape((errand.about, version, errand.moves, sizes), make)
    writer.write(shape, trader, values, lamports, balances, 0, events)


def _call(draft: Draft, errand: Errand, sizes: tuple[int, ...]) -> None:
    named = {account.name: account for account in errand.accounts}
    called = (*errand.accounts, fixed(errand.authority), fixed(errand.program))
    log = f"Instruction: {errand.log}"
    with draft.call(errand.program, called, errand.discriminator, log=log, units=24_000):
        for number, move in enumerate(errand.moves):
            ways = [named[name] for name in (move.source, move.mint, move.target, move.owner)]
            checked = "Instruction: TransferChecked" if move.program == TOKEN_2022 else None
            data = (b"\x0c", Hole(f"move.{number}", 8), bytes((move.decimals,)))
            with draft.call(move.program, ways, *data, log=checked, units=2_562):
                pass
        for number, size in enumerate(sizes):
            draft.event(errand.program, errand.authority, Hole(f"event.{number}", size))
