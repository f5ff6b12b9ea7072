"""GeckoTerminal's API in its own shapes, from our read models."""
