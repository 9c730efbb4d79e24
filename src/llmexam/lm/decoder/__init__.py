"""Decoder language models: how likely continuations are, each shared token computed once."""
