"""Trades to all who watch the market, beside Node's socket.io with its Redis adapter."""
