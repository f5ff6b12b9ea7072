"""DexScreener's public endpoints, in its shapes, from our read models."""
