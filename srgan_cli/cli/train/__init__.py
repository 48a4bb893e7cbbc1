"""srgan train."""
