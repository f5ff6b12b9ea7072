"""Events in a transaction's log lines, and the instructions that carry the same events."""

import binascii
from base64 import b64decode
from collections.abc import Sequence

import msgspec

from domain.position import FIRST_LOGGED_INNER

TRUNCATED = "Log truncated"
_DATA = "Program data: "


class LoggedData(msgspec.Struct, kw_only=True):
    """A line of data that a program logged."""

    program: str
    line: str
    outer: int
    height: int
    """The stack height of the instruction that logged it; a self-call from it is one higher."""
    before: int | None
    """The inner index of the program's call of itself right before the line."""
    after: int | None = None
    """The inner index of the program's call of itself right behind the line."""
    inner: int = -1
    """The index of the call that carries the same event, else one from `FIRST_LOGGED_INNER` on."""

    def data(self) -> bytes | None:
        """The bytes; None where the line is not base64."""
        try:
            return b64decode(self.line.removeprefix(_DATA), validate=True)
        except (binascii.Error, ValueError):
            return None


class _Walk:
    """Follows the calls that the lines report."""

    def __init__(self, top_level_programs: Sequence[str]) -> None:
        self.found: list[LoggedData] = []
        self._top_level = top_level_programs
        self._stack: list[str] = []
        self._outer = -1
        self._inner = -1
        self._last_call: tuple[str, int] | None = None
        """Program and stack height of the last call; None if a line of data came since."""
        self._open: LoggedData | None = None
        """The last line of data, while the call behind it is still to come."""

    def invoke(self, program: str, height: int) -> None:
        if height == 1:
            # Precompiled programs leave no line, so the instruction is looked up by its program.
            try:
                self._outer = self._top_level.index(program, self._outer + 1)
            except ValueError:
                self._outer += 1
            self._inner = -1
        else:
            self._inner += 1
            logged = self._open
            if logged and logged.program == program and logged.height + 1 == height:
                logged.after = self._inner
        self._open = None
        self._last_call = (program, height)
        del self._stack[height - 1 :]
        self._stack.append(program)

    def leave(self) -> None:
        self._open = None
        if self._stack:
            self._stack.pop()

    def data(self, line: str, programs: frozenset[str]) -> None:
        called, self._last_call, self._open = self._last_call, None, None
        if not self._stack or self._stack[-1] not in programs:
            return
        program, height = self._stack[-1], len(self._stack)
        self._open = LoggedData(
            program=program,
            line=line,
            outer=max(self._outer, 0),
            height=height,
            before=self._inner if called == (program, height + 1) else None,
        )
        self.found.append(self._open)


def logged_data(
    lines: Sequence[str], programs: frozenset[str], top_level_programs: Sequence[str]
) -> list[LoggedData]:
    """What the programs logged as data, in order, each with its place.

    `top_level_programs` are those of the message's instructions, in order.
    """
    walk = _Walk(top_level_programs)
    for line in lines:
        if not line.startswith("Program "):
            continue
        if line.startswith(_DATA):
            walk.data(line, programs)
            continue
        words = line.split(" ", 4)
        if len(words) == 4 and words[2] == "invoke":
            height = words[3].strip("[]")
            if height.isdecimal() and height != "0":
                walk.invoke(words[1], int(height))
        elif words[2:3] == ["success"] or words[2:3] == ["failed:"]:
            walk.leave()
    _place(walk.found)
    return walk.found


def _place(found: Sequence[LoggedData]) -> None:
    """Pair each line with the call that carries the same event.

    Today a program logs and then calls itself; until 2025 it was the other way round. The order
    is one and the same within a transaction, and only a cut log leaves lines without a call.
    """
    choices: list[tuple[int | None, ...]]
    if all(line.after is not None for line in found):
        choices = [(line.after,) for line in found]
    elif all(line.before is not None for line in found):
        choices = [(line.before,) for line in found]
    else:
        choices = [(line.after, line.before) for line in found]
    taken = set[tuple[int, int]]()
    unplaced = FIRST_LOGGED_INNER
    for line, calls in zip(found, choices, strict=True):
        for inner in calls:
            if inner is not None and (line.outer, inner) not in taken:
                line.inner = inner
                break
        else:
            line.inner = unplaced
            unplaced += 1
        taken.add((line.outer, line.inner))
