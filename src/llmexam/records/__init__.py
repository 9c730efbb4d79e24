"""Results as records in formats of other projects."""
