"""Enlarging many files: planning, naming, workers and the manifest."""
