"""Video without compression: y4m streams, and YUV to RGB and back."""
