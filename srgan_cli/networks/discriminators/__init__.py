"""Discriminators, one file a family."""
