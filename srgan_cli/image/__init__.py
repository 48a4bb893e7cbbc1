"""Pictures: reading, writing, tensors of pixels."""
