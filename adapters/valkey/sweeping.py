"""Removes what generations have left that nothing names any more."""

from adapters.valkey.client import Valkey
from adapters.valkey.keys import ROLES, Keys

SWEEP_KEYS_MAX = 1_000
"""Keys that are looked at, and removed, at a time."""


async def sweep(valkey: Valkey, keys: Keys) -> None:
    """Remove all generations that have no role and began before now.

    Generations are numbered by the time at which they began: one that begins meanwhile is spared.
    """
    (seconds, microseconds), named = await valkey.ask(
        [("TIME",), ["MGET", *(keys.generation_in(role) for role in ROLES)]]
    )
    now = int(seconds) * 1_000_000 + int(microseconds)
    root, cursor = f"{keys.root}:", "0"
    while True:
        cursor, found = await valkey.one(
            "SCAN", cursor, "MATCH", f"{root}[0-9]*:*", "COUNT", str(SWEEP_KEYS_MAX)
        )
        left = []
        for key in found:
            number = key[len(root) :].partition(":")[0]
            if number not in named and int(number) < now:
                left.append(key)
        if left:
            await valkey.one("UNLINK", *left)
        if cursor == "0":
            return
