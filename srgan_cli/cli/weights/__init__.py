"""The commands about weights, and fetching them."""
