"""srgan upscale."""
