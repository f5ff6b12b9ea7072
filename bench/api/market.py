"""A market of millions of trades: a part that our cores projected, and copies of it in the past.

All read models hold the part. What grows with time (trades, candles, a wallet's trades) is copied
back in time within PostgreSQL, and what grows with tokens (cards, search) under other mints, so
that tables and indexes are as large as they would be, in a minute instead of a quarter of an hour.
"""

from collections.abc import Mapping

import asyncpg

from adapters.postgres.migrations import migrate
from adapters.postgres.pool import Connection, open_pool
from bench.rebuild.history import FIRST_SECOND, FIRST_SLOT, SLOTS_PER_S, History
from bench.result import say
from curvetape.bootstrap import read_models
from curvetape.testing.certified import CertifiedLog
from projections.runner import Runner
