"""srgan score: scores of pictures against references, and reports of them."""
