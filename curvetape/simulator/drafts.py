"""Drafting a transaction: calls, accounts and log lines by name, then its bytes with holes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

from adapters.yellowstone.wire import geyser_pb2, solana_storage_pb2
from curvetape.simulator import accounts
from curvetape.simulator.shapes import Shape
from curvetape.simulator.wire import Hole, Part, delimited, size, solid, tag, varint

LOG_BYTES_MAX = 10_000
"""The runtime keeps so much of a transaction's logs and cuts off the rest."""
BUILTIN_UNITS = 150

Version = Literal["legacy", "v0", "v1"]

_tx = solana_storage_pb2.Transaction
_message = solana_storage_pb2.Message
_header = solana_storage_pb2.MessageHeader
_meta = solana_storage_pb2.TransactionStatusMeta
_outer = solana_storage_pb2.CompiledInstruction
_inner = solana_storage_pb2.InnerInstruction
_group = solana_storage_pb2.InnerInstructions
_lookup = solana_storage_pb2.MessageAddressTableLookup
_config = solana_storage_pb2.TransactionConfig
_error = solana_storage_pb2.TransactionError
_info = geyser_pb2.SubscribeUpdateTransactionInfo

EVENT_PREFIX = bytes.fromhex("e445a52e51cb9a1d")
"""In front of an event that a program hands to itself."""
RENT_LAMPORTS = 2_039_280
_LOOKUP_TABLE = accounts.key("4h81ZmxAxzqUofbrPUkgGp2sC1nuEA7Zob1aX6zQQrYr")
_SILENT = (accounts.SYSTEM, accounts.BUDGET)


class Account(NamedTuple):
    """An account of a transaction; one without an address is filled in per transaction."""

    name: str
    writable: bool = False
    signer: bool = False
    address: bytes | None = None
    lamports: int | None = RENT_LAMPORTS
    """A balance that the transaction does not change; None when it does."""


def fixed(address: bytes, *, writable: bool = False, lamports: int | None = 1_141_440) -> Account:
    """An account that is the same in every transaction."""
    return Account(accounts.text(address), writable, address=address, lamports=lamports)


class Instruction(NamedTuple):
    """A call with names in place of account indexes; top-level calls have height 1."""

    program: str
    names: tuple[str, ...]
    data: tuple[Part, ...]
    height: int
    outer: int


class Draft:
    """A transaction under construction: calls are entered, nested and left as they run."""

    def __init__(self, version: Version, *, units_max: int = 400_000) -> None:
        self.version: Version = version
        self.error: bytes | None = None
        self.event_places: list[tuple[int, int]] = []
        self._units_max = units_max
        self._units_used = 0
        self._accounts: dict[str, Account] = {}
        self._instructions: list[Instruction] = []
        self._height = 0
        self._outer = -1
        self._inner = 0
        self._log: list[list[Part]] = []
        self._log_bytes = 0
        self._log_cut = False
        self._account(Account("user", writable=True, signer=True, lamports=None))

    def budget(self) -> None:
        """Say what the transaction may use and pays for it, where its message cannot say so."""
        if self.version == "v1":
            return
        limit = b"\x02" + self._units_max.to_bytes(4, "little")
        for data in ((limit,), (b"\x03", Hole("price", 8))):
            with self.call(accounts.BUDGET, (), *data):
                pass

    @contextmanager
    def call(
        self,
        program: bytes,
        called: Sequence[Account],
        *data: Part,
        log: str | None = None,
        units: int = BUILTIN_UNITS,
        returned: str | None = None,
        failure: int | None = None,
    ) -> Iterator[None]:
        """Call a program, top-level or from the call that is open; nested calls go inside.

        `units` are its own, without those of what it calls. `failure` is the custom error with
        which it ends, and with it the transaction.
        """
        name = accounts.text(program)
        self._enter(program, called, data)
        self._line(f"Program {name} invoke [{self._height}]")
        if log is not None:
            self._line(f"Program log: {log}")
        before = self._units_used
        yield
        self._units_used += units
        if program not in _SILENT:
            used, of = self._units_used - before, self._units_max - before
            self._line(f"Program {name} consumed {used} of {of} compute units")
        if returned is not None:
            self._line(f"Program return: {name} {returned}")
        if failure is None:
            self._line(f"Program {name} success")
        else:
            self._line(f"Program {name} failed: custom program error: {failure:#x}")
            self.error = (
                b"\x08\0\0\0"
                + bytes((self._outer,))
                + b"\x19\0\0\0"
                + failure.to_bytes(4, "little")
            )
        self._height -= 1

    def event(self, program: bytes, authority: bytes, hole: Hole) -> None:
        """Emit an event as the programs do: in the log, and as a call of itself."""
        self._line_parts([b"Program data: ", Hole(f"log.{hole.name}", -(-hole.size // 3) * 4)])
        with self.call(program, (fixed(authority),), EVENT_PREFIX, hole, units=2_170):
            self.event_places.append((self._outer, self._inner - 1))

    def log_only(self, hole: Hole) -> None:
        """Put an event into the log without the call."""
        self._line_parts([b"Program data: ", Hole(f"log.{hole.name}", -(-hole.size // 3) * 4)])

    def note(self, text: str) -> None:
        """Log a line of the open call's own."""
        self._line(f"Program log: {text}")

    def touch(self, *extra: Account) -> None:
        """Add accounts that no instruction names by itself."""
        for account in extra:
            self._account(account)

    def _enter(self, program: bytes, called: Sequence[Account], data: tuple[Part, ...]) -> None:
        if self._height == 0:
            self._outer += 1
            self._inner = 0
        else:
            self._inner += 1
        self._height += 1
        self._account(fixed(program))
        for account in called:
            self._account(account)
        names = tuple(account.name for account in called)
        self._instructions.append(
            Instruction(accounts.text(program), names, data, self._height, self._outer)
        )

    def _account(self, account: Account) -> None:
        known = self._accounts.get(account.name)
        if known is None:
            self._accounts[account.name] = account
        elif account.writable and not known.writable:
            self._accounts[account.name] = known._replace(writable=True)

    def _line(self, text: str) -> None:
        self._line_parts([text.encode()])

    def _line_parts(self, parts: list[Part]) -> None:
        if self._log_cut:
            return
        self._log_bytes += size(parts)
        if self._log_bytes >= LOG_BYTES_MAX:
            self._log_cut = True
            parts = [b"Log truncated"]
        self._log.append(parts)

    def finish(self) -> Shape:
        """Lay the transaction out; what stays open are its holes and its balances."""
        order, static, loaded_writable, loaded_readonly = self._sorted_accounts()
        index = {account.name: place for place, account in enumerate(order)}
        signers = sum(account.signer for account in order)
        readonly = sum(not account.writable for account in static)
        header = (
            tag(_header, "num_required_signatures") + varint(signers)
            + tag(_header, "num_readonly_unsigned_accounts") + varint(readonly)
        )  # fmt: skip
        message: list[Part] = delimited(tag(_message, "header"), header)
        for account in static:
            message += delimited(tag(_message, "account_keys"), _address(account))
        message += delimited(tag(_message, "recent_blockhash"), Hole("blockhash", 32))
        for instruction in self._instructions:
            if instruction.height == 1:
                compiled = _compiled(_outer, instruction, index)
                message += delimited(tag(_message, "instructions"), *compiled)
        message += self._envelope(len(loaded_writable), len(loaded_readonly))
        signatures: list[Part] = []
        for place in range(signers):
            hole = Hole("signature" if place == 0 else f"signature.{place}", 64)
            signatures += delimited(tag(_tx, "signatures"), hole)
        meta = self._meta(index, loaded_writable, loaded_readonly)
        return Shape(
            head=[
                *delimited(tag(_info, "signature"), Hole("signature", 64)),
                *delimited(
                    tag(_info, "transaction"),
                    *signatures,
                    *delimited(tag(_tx, "message"), *message),
                ),
                tag(_info, "meta"),
            ],
            meta=meta,
            index=index,
            lamports=tuple((account.name, account.lamports) for account in order),
            signers=signers,
            units_max=self._units_max,
            event_places=tuple(self.event_places),
            failed=self.error is not None,
        )

    def _sorted_accounts(
        self,
    ) -> tuple[list[Account], list[Account], list[Account], list[Account]]:
        """All accounts in index order, and those that the message, and its tables, name."""
        called = {item.program for item in self._instructions if item.height == 1}
        held = list(self._accounts.values())
        loadable = [
            account
            for account in held
            if self.version == "v0" and account.address is not None and account.name not in called
        ]
        kept = [account for account in held if account not in loadable]
        static = sorted(kept, key=lambda account: (not account.signer, not account.writable))
        writable = [account for account in loadable if account.writable]
        readonly = [account for account in loadable if not account.writable]
        return static + writable + readonly, static, writable, readonly

    def _envelope(self, writable_count: int, readonly_count: int) -> list[Part]:
        """The end of the message, which says of what version it is."""
        if self.version == "legacy":
            return []
        parts: list[Part] = [tag(_message, "versioned") + b"\x01"]
        if self.version == "v1":
            config = tag(_config, "priority_fee"), Hole("priority", 3)
            limit = tag(_config, "compute_unit_limit") + varint(self._units_max)
            return parts + delimited(tag(_message, "config"), *config, limit)
        lookup = [
            *delimited(tag(_lookup, "account_key"), _LOOKUP_TABLE),
            *delimited(tag(_lookup, "writable_indexes"), bytes(range(1, writable_count + 1))),
            *delimited(tag(_lookup, "readonly_indexes"), bytes(range(100, 100 + readonly_count))),
        ]
        return parts + delimited(tag(_message, "address_table_lookups"), *lookup)

    def _meta(
        self, index: dict[str, int], writable: list[Account], readonly: list[Account]
    ) -> list[Part]:
        """All of the meta data but fee and balances."""
        meta: list[Part] = []
        if self.error is not None:
            meta += delimited(tag(_meta, "err"), solid(delimited(tag(_error, "err"), self.error)))
        for outer in sorted({item.outer for item in self._instructions if item.height > 1}):
            group: list[Part] = [tag(_group, "index") + varint(outer)]
            for item in self._instructions:
                if item.outer == outer and item.height > 1:
                    height = tag(_inner, "stack_height") + varint(item.height)
                    parts = _compiled(_inner, item, index)
                    group += delimited(tag(_group, "instructions"), *parts, height)
            meta += delimited(tag(_meta, "inner_instructions"), *group)
        for line in self._log:
            meta += delimited(tag(_meta, "log_messages"), *line)
        for account in writable:
            meta += delimited(tag(_meta, "loaded_writable_addresses"), _address(account))
        for account in readonly:
            meta += delimited(tag(_meta, "loaded_readonly_addresses"), _address(account))
        meta.append(tag(_meta, "return_data_none") + b"\x01")
        meta.append(tag(_meta, "compute_units_consumed") + varint(self._units_used))
        meta.append(tag(_meta, "cost_units") + varint(self._units_used + 8_967))
        return meta


def _address(account: Account) -> Part:
    return Hole(account.name, 32) if account.address is None else account.address


def _compiled(
    kind: type[solana_storage_pb2.CompiledInstruction | solana_storage_pb2.InnerInstruction],
    instruction: Instruction,
    index: dict[str, int],
) -> list[Part]:
    places = bytes(index[name] for name in instruction.names)
    return [
        tag(kind, "program_id_index") + varint(index[instruction.program]),
        *delimited(tag(kind, "accounts"), places),
        *delimited(tag(kind, "data"), *instruction.data),
    ]
