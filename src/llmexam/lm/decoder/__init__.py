"""Decoder language models: the log-likelihood of continuations, each distinct token computed once."""
