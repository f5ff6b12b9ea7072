"""How read models are filled from the archive by columns, a module for each."""
