"""Enlarging a picture tile by tile, within a memory limit."""
