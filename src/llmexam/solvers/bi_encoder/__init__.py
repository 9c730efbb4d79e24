"""Solver `bi-encoder`: cosine similarity of sentence embeddings."""
