"""srgan serve: a local page in the browser."""
