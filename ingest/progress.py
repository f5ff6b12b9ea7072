"""What ingest has done since it started, for whoever watches it."""

import msgspec


class Progress(msgspec.Struct):
    """Counts of one run; all that is said to be in the log is durable."""

    slot: int = 0
    """The highest slot seen."""
    sealed_slot: int = 0
    """The highest slot with a certificate in the log."""
    transactions: int = 0
    failed: int = 0
    events: int = 0
    """Events that are durable in the log."""
    certificates: int = 0
    abandoned: int = 0
    """Slots whose events were taken back."""
    retracted: int = 0
    """Events that were taken back."""
    duplicates: int = 0
    """Copies that were known already."""
    conflicting: int = 0
    """Dead letters whose id was already there with another content."""
    dead: int = 0
    """Letters that are durable in `DEAD`: what of our programs could not become an event."""
    late_prices: int = 0
    """Prices of slots that had their certificate already."""
    gaps: list[tuple[int, int]] = []
    """Open gaps, as first and last slot."""
    contradictions: dict[str, int] = {}
    """By source, how often it sent another block than the one that was sealed."""
    tails: dict[str, int] = msgspec.field(default_factory=dict)
    """Events with bytes behind the longest layout known, by event and version."""
