"""Facts and rules of the market: events, positions, arithmetic; no input or output."""
