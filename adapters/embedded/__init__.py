"""Servers of our own to run beside the product: NATS, Valkey and PostgreSQL from wheels."""
