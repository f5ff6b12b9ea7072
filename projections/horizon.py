"""From where on a read model's rows are kept."""

import msgspec


class Horizon(msgspec.Struct, frozen=True, kw_only=True):
    """Where a read model's rows begin, since older ones were let go of on purpose."""

    pos: int
    """Rows of lower positions may be gone."""
    complete_from_s: int
    """All rows from this second on are there."""
