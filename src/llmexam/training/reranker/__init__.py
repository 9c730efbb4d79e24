"""Train rerankers of passages."""
