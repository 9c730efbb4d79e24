"""Readers: encoders with a head that score sequences of tokens, such as a pair of texts."""
