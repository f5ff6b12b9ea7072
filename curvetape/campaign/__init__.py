"""Proof by faults: ingest against endpoints that fail in every known way, and what comes of it."""

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # its handlers end two forks of five
os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # endpoints here break streams on purpose
