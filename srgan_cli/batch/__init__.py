"""Enlarging many files: planning, naming, workers, the manifest."""
