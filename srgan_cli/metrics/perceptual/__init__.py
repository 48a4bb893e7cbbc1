"""Metrics of a pair of pictures that compare the features of a network."""
