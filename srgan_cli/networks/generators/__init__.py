"""Super-resolution generators, one file a family."""
