"""Filters that the list of tokens and the search have in common."""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.parameters import Address
from api.problems import PARAMETER_INVALID, ProblemError
from domain.programs import SOL_DECIMALS
from projections.reads import TokenState, TradingVenue

LAMPORTS_PER_SOL = 10**SOL_DECIMALS
FOR_IT = "of tokens that trade for it"

Sol: TypeAlias = Annotated[float, Meta(ge=0, le=1e12)]
OfState: TypeAlias = Annotated[
    TokenState | UnsetType, Meta(description="Only tokens in this state.")
]
AtVenue: TypeAlias = Annotated[
    TradingVenue | UnsetType,
    Meta(
        description="Only tokens that trade here: `curve`, by the program pump, or `pool`, by "
        "pump_amm."
    ),
]
InQuote: TypeAlias = Annotated[
    Address | UnsetType, Meta(description="Only tokens that trade for this mint.")
]
MarketCapMin: TypeAlias = Annotated[
    Sol | UnsetType, Meta(description=f"Lowest market cap in SOL, {FOR_IT}.")
]
MarketCapMax: TypeAlias = Annotated[
    Sol | UnsetType, Meta(description=f"Highest market cap in SOL, {FOR_IT}.")
]
VolumeMin: TypeAlias = Annotated[
    Sol | UnsetType, Meta(description=f"Lowest volume in SOL, {FOR_IT}.")
]
VolumeMax: TypeAlias = Annotated[
    Sol | UnsetType, Meta(description=f"Highest volume in SOL, {FOR_IT}.")
]


def lamports(sol: float | UnsetType) -> float | None:
    """A limit in SOL as read models compare it; None for none."""
    return None if sol is UNSET else sol * LAMPORTS_PER_SOL


def check_ranges(asked: msgspec.Struct, *names: str) -> None:
    """The problem that a range, of the fields `…_min` and `…_max`, ends before it begins."""
    shown = {each.name: each.encode_name for each in msgspec.structs.fields(asked)}
    for name in names:
        lowest, highest = getattr(asked, f"{name}_min"), getattr(asked, f"{name}_max")
        if lowest is not UNSET and highest is not UNSET and lowest > highest:
            parameter = shown[f"{name}_min"]
            raise ProblemError(
                PARAMETER_INVALID,
                f"{parameter} was {lowest:g}, above its highest value, {highest:g}; exchange them",
                parameter=parameter,
            )
