"""Decoding and encoding of picture files, and what each format can store."""
