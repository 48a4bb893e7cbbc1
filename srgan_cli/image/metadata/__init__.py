"""EXIF, XMP, ICC profiles and resolution."""
