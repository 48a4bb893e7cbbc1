"""Training a generator against a discriminator on a folder of pictures."""
