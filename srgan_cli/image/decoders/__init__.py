"""Readers: their base class, those of TIFF and GIF, and those of files that Pillow and libvips misread or refuse."""
