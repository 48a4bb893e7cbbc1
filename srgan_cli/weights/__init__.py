"""Weights files: what they hold, where they come from, and what can be made of them."""
