"""Durable events: our appender beside nats-py's own publishing, and beside the server's limit."""
