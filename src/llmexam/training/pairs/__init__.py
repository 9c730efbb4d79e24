"""Training on lists of text pairs: what cross-encoders and rerankers share."""
