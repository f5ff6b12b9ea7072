"""The log on NATS JetStream: append, read, define and prove its streams."""
