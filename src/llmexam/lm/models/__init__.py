"""Model folders: find one by name, check and load it, and choose device and number type."""
