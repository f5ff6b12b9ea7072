"""A chain of our own: a generated or recorded market, served as Yellowstone would."""
