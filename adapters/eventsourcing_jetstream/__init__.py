"""A persistence module for the `eventsourcing` library that keeps events in NATS JetStream.

`PERSISTENCE_MODULE=adapters.eventsourcing_jetstream` is all that an application has to be told,
beside where the server is (see `settings`). It knows nothing of the rest of this project.

An aggregate is a subject, `<stream>.<application>.events.<aggregate>`; a notification id is the
sequence of the event in the stream. What one call stores is one message or one atomic batch, and
each subject in it is guarded by the sequence that has to be the last one on it.
"""

from .factory import JetStreamFactory as Factory

__all__ = ["Factory"]
