"""Weights files: reading, writing, finding, fetching, exporting."""
