"""Yellowstone gRPC: the stream that Solana data arrives on, its client and its server."""
