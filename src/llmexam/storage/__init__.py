"""Storage: atomic writes, content hashes, and locks."""
