"""Where a token can be traded."""

from typing import Literal, TypeAlias

Venue: TypeAlias = Literal["curve", "completion", "pool"]
"""`completion` is the rest of the buy that filled a curve, at the price of the pool to come."""
