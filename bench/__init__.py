"""Benchmarks: each one beside its peer, in one run, on the same input."""
