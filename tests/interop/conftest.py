"""The recorders that tests of aggregates may ask for."""

from curvetape.testing.recorders import env, factory, recorder

__all__ = ["env", "factory", "recorder"]
