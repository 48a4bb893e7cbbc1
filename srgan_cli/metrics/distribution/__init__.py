"""Metrics of two sets of pictures: FID and KID."""
