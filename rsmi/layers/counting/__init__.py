"""Equal rows by hashes, and entropies by counting them."""
