"""Lists as Relay's connections: edges with cursors, and where to go on."""

from collections.abc import Sequence
from typing import Any, TypeAlias

Connection: TypeAlias = dict[str, Any]


def connection(
    cursors: Sequence[str], nodes: Sequence[object], *, more: bool, after: str | None
) -> Connection:
    """A page of nodes, each behind its cursor; `after` is the cursor that was asked with."""
    return {
        "nodes": nodes,
        "edges": [
            {"cursor": cursor, "node": node} for cursor, node in zip(cursors, nodes, strict=True)
        ],
        "page_info": {
            "has_next_page": more,
            "has_previous_page": after is not None,
            "start_cursor": cursors[0] if cursors else None,
            "end_cursor": cursors[-1] if cursors else None,
        },
    }
