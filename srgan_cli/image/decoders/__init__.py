"""Readers: their base class, that of TIFF, and those of files that Pillow and libvips refuse or read wrongly."""
