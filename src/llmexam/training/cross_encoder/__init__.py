"""Train cross-encoders that score the options of a question."""
