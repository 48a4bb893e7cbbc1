"""Pictures from and to what programs have in hand: NumPy arrays, PIL images, torch tensors, paths."""
