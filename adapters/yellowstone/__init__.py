"""Yellowstone gRPC: the stream that Solana data arrives on, its client and its server."""

import os

# gRPC hooks into fork, and ends the child of a process whose threads are in the middle of a call.
# We fork only to start other programs, which need none of it; said before gRPC is first loaded.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

# Its older way of reading sockets costs a client a third less CPU for each message of a stream:
# 50 us instead of 78, with messages of 5.5 KB and on a busy core. Read when gRPC is loaded, too.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client")
