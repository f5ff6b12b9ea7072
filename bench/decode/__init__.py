"""From a transaction on the wire to events as JSON, beside Anchor's coder."""
