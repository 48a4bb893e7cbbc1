"""Generators: networks that upscale pictures, one file per family."""
