"""Train a decoder to answer with letters, with Keras."""
