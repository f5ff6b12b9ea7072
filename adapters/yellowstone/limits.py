"""The limits of a source: when it waits no longer, and when it changes its way of reading."""

import msgspec

SILENCE_S_MAX = 30.0
CATCH_UP_SLOTS = 150
LIVE_SLOTS = 32
LAG_SLOTS_MAX = 150
LAG_GROWTH_SLOTS = 20
LAG_WATCH_S = 60.0
OBSERVE_S = 5.0
META_SETTLE_SLOTS = 2
META_SETTLE_S = 1.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a source goes by; the defaults are for Solana's main network."""

    silence_s_max: float = SILENCE_S_MAX
    """A chain makes a block several times a second; a stream this silent is taken for dead."""
    catch_up_slots: int = CATCH_UP_SLOTS
    """So far behind the endpoint's newest slot, blocks alone are read, for speed."""
    live_slots: int = LIVE_SLOTS
    """This near to it, early transactions are read as well."""
    lag_slots_max: int = LAG_SLOTS_MAX
    lag_growth_slots: int = LAG_GROWTH_SLOTS
    lag_watch_s: float = LAG_WATCH_S
    """A stream of blocks further behind than the first, that falls back by the second more within
    this time though everything that came was read, is too slow a stream."""
    observe_s: float = OBSERVE_S
    """Between two questions for the endpoint's newest slot."""
    settle_slots: int = META_SETTLE_SLOTS
    settle_s: float = META_SETTLE_S
    """Where transactions come apart from their blocks, a block is taken for whole when the metas
    of so many later ones have come, or when after so long a silence the endpoint says that it has
    no later one."""
