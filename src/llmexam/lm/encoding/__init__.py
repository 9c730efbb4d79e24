"""Encoders: text embeddings, by a padding-free BERT or by transformers."""
