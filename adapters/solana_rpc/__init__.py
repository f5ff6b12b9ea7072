"""Solana's JSON-RPC: a client for blocks that no stream brought, and a server to try it with."""
