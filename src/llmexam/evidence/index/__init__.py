"""Indexes on disk: sparse (BM25) and dense (bi-encoder), each with a manifest."""
