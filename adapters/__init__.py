"""Everything that opens a socket or a file: the log, the stores, the chain's endpoints."""
