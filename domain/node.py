"""What a node that is asked for single blocks may say instead of giving them."""


class NodeError(Exception):
    """A node did not answer as it should; the same question may be answered later."""

    def __init__(self, node: str, reason: str) -> None:
        super().__init__(f"{node}: {reason}")
        self.node = node
        self.reason = reason


class NodeBusyError(NodeError):
    """A node is asked too often; `retry_after_s` is how long it wants to be left alone, if said."""

    def __init__(self, node: str, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(node, reason)
        self.retry_after_s = retry_after_s


class BlockUnavailableError(NodeError):
    """A node works, but does not give this one block.

    With `retry` it is worth asking again soon; without, this node will hardly ever have it.
    """

    def __init__(self, node: str, slot: int, reason: str, *, retry: bool) -> None:
        super().__init__(node, f"slot {slot}: {reason}")
        self.slot = slot
        self.retry = retry
