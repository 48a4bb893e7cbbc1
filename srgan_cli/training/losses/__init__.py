"""Pixel, perceptual and adversarial losses, and their weighted sum."""
