"""Enlarging one picture: tiles, precision, self-ensemble, back-projection."""
