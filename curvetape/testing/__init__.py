"""The test kit: builders, recorded data and contract suites that strangers may use too."""

import os

# Tests start servers, by fork and exec, from processes in which gRPC's own threads run. What gRPC
# does at a fork can abort the child before it becomes the server, and is of no use to an exec.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
