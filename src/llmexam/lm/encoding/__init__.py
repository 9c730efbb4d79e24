"""Encoders: texts to vectors, by a BERT without padding or by transformers."""
