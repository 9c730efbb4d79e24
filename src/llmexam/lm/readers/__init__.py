"""Readers: encoders with a head that score token sequences, such as text pairs."""
