"""Pixel, perceptual and adversarial losses, and their sum."""
