"""Decoders larger than memory: layer weights are streamed from disk during computation."""
