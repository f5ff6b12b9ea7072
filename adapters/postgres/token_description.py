"""The columns of a token's card that say what its metadata said."""

from adapters.postgres.upsert import latest
from projections.token_description import Described

COLUMNS = {
    "described_attempt": "integer",
    "description": "text",
    "image": "text",
    "twitter": "text",
    "telegram": "text",
    "website": "text",
}
MERGED = latest(*COLUMNS)
"""The last attempt that found something counts."""


def values(described: Described | None) -> tuple[object, ...]:
    """The columns' values, in their order."""
    if described is None:
        return (None,) * len(COLUMNS)
    return (
        described.attempt,
        described.description,
        described.image,
        described.twitter,
        described.telegram,
        described.website,
    )
