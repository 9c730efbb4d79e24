"""Cached stages of a run, with their records and code hashes."""
