"""Scores of pictures against references, and every way to show them."""
