"""Cached stages of a run, and the record of where results come from."""
