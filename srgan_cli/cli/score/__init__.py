"""srgan score."""
