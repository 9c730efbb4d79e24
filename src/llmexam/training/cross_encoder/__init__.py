"""Train cross-encoders: readers of options, and rerankers of passages."""
