"""How an endpoint is doing, for whoever watches it."""

from typing import Literal, TypeAlias

import msgspec

Mode: TypeAlias = Literal["blocks", "meta"]
"""How the truth is read: as filtered blocks, or as block metas with transactions beside them."""


class Health(msgspec.Struct, kw_only=True):
    """One endpoint's state at this moment; its source keeps it up to date."""

    name: str
    connected: bool = False
    """Whether the stream of confirmed blocks is open and has brought something."""
    mode: Mode = "blocks"
    catching_up: bool = False
    """So far behind that early transactions are not asked for."""
    slot: int = 0
    """The newest confirmed slot that was read; 0 before the first."""
    newest_slot: int = 0
    """The newest slot that the endpoint is known to have, at any commitment; 0 if unknown."""
    confirmed_slot: int = 0
    """The newest confirmed slot that the endpoint has named when it was asked."""
    asked_s: float = 0.0
    """When that was, on the process's steady clock."""
    lag_s: float = 0.0
    """From the newest block's own time to when it came; block times are whole seconds."""
    updates: int = 0
    blocks: int = 0
    """Blocks handed over; one that was mended counts again."""
    reconnects: int = 0
    last_error: str = ""
    """Why the last stream ended, in a sentence; empty if none has."""
