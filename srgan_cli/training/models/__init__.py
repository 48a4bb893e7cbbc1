"""What learns: the GAN, its discriminator, and the CycleGAN of unpaired training."""
