"""Training on lists of text pairs, shared by cross-encoders and rerankers."""
