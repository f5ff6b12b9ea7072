"""Parameters of requests: their types, and how the text of an address becomes them."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from api.operation import Operation
from api.problems import PARAMETER_INVALID, PARAMETER_UNKNOWN, ProblemError
from api.waiting import PARAMETER

TIME_S_MAX = 253_402_300_799
"""The end of the year 9999, as RFC 3339 has it."""
VALUE_SHOWN_MAX = 60
"""Characters of a refused value that its problem repeats."""

Mint: TypeAlias = Annotated[
    str,
    Meta(
        pattern="^[1-9A-HJ-NP-Za-km-z]{32,44}$",
        description="The token's mint, a public key in base58: 32 to 44 characters, without "
        "0, O, I and l.",
        examples=["So11111111111111111111111111111111111111112"],
    ),
]
Wallet: TypeAlias = Annotated[
    str,
    Meta(
        pattern="^[1-9A-HJ-NP-Za-km-z]{32,44}$",
        description="The wallet's address, a public key in base58: 32 to 44 characters, without "
        "0, O, I and l.",
        examples=["6PTmMZ1r7TYxPi2mdrcK1Nb2fszQ7rS1WCnHGNqkYa8d"],
    ),
]
Address: TypeAlias = Annotated[str, Meta(pattern="^[1-9A-HJ-NP-Za-km-z]{32,44}$")]
"""A public key in base58; whoever uses it describes whose."""
Interval: TypeAlias = Literal["1s", "5s", "15s", "1m", "5m", "15m", "1h", "4h", "24h"]
Time: TypeAlias = Annotated[int, Meta(ge=0, le=TIME_S_MAX)] | Annotated[datetime, Meta(tz=True)]

P = TypeVar("P", bound=msgspec.Struct)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,99})", re.ASCII)
_NUMBER = re.compile(
    r"-?(?:0|[1-9][0-9]{0,99})(?:\.[0-9]{1,99})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII
)
_GOT = re.compile(r", got `\w+`")


class NoParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Takes no parameters."""


def seconds(time: int | datetime) -> int:
    """A time as Unix seconds, those before 1970 as 0; fractions are cut off."""
    if isinstance(time, int):
        return time
    return max(0, (time - _EPOCH) // _SECOND)


_SECOND = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC) - _EPOCH


class Reader(Generic[P]):
    """Reads the parameters of one operation from an address, as strictly as its schema says."""

    def __init__(self, operation: Operation, kind: type[P]) -> None:
        self._kind = kind
        info = msgspec.inspect.type_info(kind)
        assert isinstance(info, msgspec.inspect.StructType), "parameters are a Struct"
        self._integers = {it.encode_name for it in info.fields if _holds(it.type, _Integer)}
        self._numbers = {it.encode_name for it in info.fields if _holds(it.type, _Number)}
        self._descriptions = descriptions(kind)
        self._in_path = operation.in_path
        own = (name for name in self._descriptions if name not in self._in_path)
        self._known = (*own, *((PARAMETER,) if operation.read_models else ()))

    def read(self, path: Mapping[str, str], query: Mapping[str, str | list[str]]) -> P:
        """The parameters, or `ProblemError` that names the first one that does not fit."""
        unknown = [name for name in query if name not in self._known]
        if unknown:
            known = ", ".join(self._known) or "none"
            raise ProblemError(
                PARAMETER_UNKNOWN,
                f"{_shown(unknown[0])} is no parameter here; known: {known}",
                parameter=unknown[0],
                known=self._known,
            )
        given: dict[str, str | float] = {}
        for name, value in (*path.items(), *query.items()):
            if name == PARAMETER and name not in self._descriptions:
                continue  # how long to wait is no matter of what is asked
            if isinstance(value, list):
                raise self._refused(name, value, "given more than once")
            if not value.isprintable():
                raise self._refused(name, value, "it has characters that cannot be printed")
            given[name] = value
            if name in self._integers and _INTEGER.fullmatch(value):
                given[name] = int(value)
            elif name in self._numbers and _NUMBER.fullmatch(value):
                given[name] = float(value)
        try:
            return msgspec.convert(given, self._kind)
        except msgspec.ValidationError as error:
            name, reason = misfit(error)
            raise self._refused(name, given[name], reason) from error

    def _refused(self, name: str, value: object, reason: str) -> ProblemError:
        said = sentence(name, value, reason, self._descriptions[name])
        return ProblemError(PARAMETER_INVALID, said, parameter=name)


def misfit(error: msgspec.ValidationError) -> tuple[str, str]:
    """The field of a flat object that does not fit, empty for the object itself, and the reason."""
    reason, _, at = str(error).partition(" - at `$.")
    return at.removesuffix("`"), _GOT.sub("", reason)


def sentence(name: str, value: object, reason: str, description: str) -> str:
    """What is told of a value that does not fit."""
    reason = reason[:1].lower() + reason[1:]
    return f"{name} was {_shown(value)}: {reason}. {description}"


def descriptions(kind: type[msgspec.Struct]) -> dict[str, str]:
    """What each field of a struct of parameters is, by its name outside."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType), "parameters are a Struct"
    return {field.encode_name: _description(field.type) for field in info.fields}


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= VALUE_SHOWN_MAX else f"{text[:VALUE_SHOWN_MAX]}…"


_Integer, _Number = msgspec.inspect.IntType, msgspec.inspect.FloatType


def _holds(kind: msgspec.inspect.Type, wanted: type[msgspec.inspect.Type]) -> bool:
    if isinstance(kind, msgspec.inspect.Metadata):
        return _holds(kind.type, wanted)
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(_holds(each, wanted) for each in kind.types)
    return isinstance(kind, wanted)


def _description(kind: msgspec.inspect.Type) -> str:
    assert isinstance(kind, msgspec.inspect.Metadata), "every parameter has a description"
    assert kind.extra_json_schema is not None, "every parameter has a description"
    description = str(kind.extra_json_schema["description"])
    values = ", ".join(_values(kind))
    return f"{description} One of: {values}." if values else description


def _values(kind: msgspec.inspect.Type) -> list[str]:
    if isinstance(kind, msgspec.inspect.Metadata):
        return _values(kind.type)
    if isinstance(kind, msgspec.inspect.UnionType):
        return [value for each in kind.types for value in _values(each)]
    if isinstance(kind, msgspec.inspect.LiteralType):
        return [str(value) for value in kind.values]
    return []
