"""From raw transactions to events: decoding, translation, deduplication."""
