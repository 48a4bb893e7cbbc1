"""Decoders for kinds of files that Pillow and libvips refuse."""
