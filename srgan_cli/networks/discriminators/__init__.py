"""Discriminators: networks that distinguish real from generated pictures, one file per family."""
