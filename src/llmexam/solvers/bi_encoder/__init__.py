"""Solver `bi-encoder`: cosine of sentence embeddings."""
