"""Meilisearch: an index of tokens that follows the search read model, and searches in it."""
