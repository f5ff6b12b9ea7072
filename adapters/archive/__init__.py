"""The archive: sealed ranges of the log as Parquet segments, in a folder or an object store."""

import os

# Arrow's allocator gives memory back after 10 ms, and a replay that takes it again every few spends
# a third of its time on that. It reads this once, when Arrow is loaded.
os.environ.setdefault("MIMALLOC_PURGE_DELAY", "1000")
