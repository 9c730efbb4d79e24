"""Train a multiple-choice reader with Keras."""
