"""What a benchmark found, and how it says what it is doing."""

import sys
import time

import msgspec

_STARTED = time.monotonic()


class RefusedError(Exception):
    """A benchmark that cannot be run here, or not as it was asked for; says what to do about it."""


class Result(msgspec.Struct, kw_only=True):
    """A figure beside its peer's; `ratio` is the median of the rounds' own ratios."""

    name: str
    value: float
    unit: str
    peer: str
    peer_value: float
    ratio: float
    details: dict[str, object]
    """Whatever else is worth knowing, under names of its own."""

    def document(self) -> dict[str, object]:
        """The figures first, then the details, as one flat object."""
        figures = msgspec.structs.asdict(self)
        details: dict[str, object] = figures.pop("details")
        return figures | details


def say(sentence: str) -> None:
    """One line of progress, on stderr: stdout is the result's."""
    print(f"[{time.monotonic() - _STARTED:6.1f}s] {sentence}", file=sys.stderr, flush=True)
