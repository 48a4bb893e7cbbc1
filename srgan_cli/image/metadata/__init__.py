"""EXIF, XMP and resolution."""
