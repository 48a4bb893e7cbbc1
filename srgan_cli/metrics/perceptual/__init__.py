"""Metrics of a pair of pictures by a network's features."""
