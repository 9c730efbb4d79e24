"""Generators: each writes multiple-choice questions from passages in its own way."""
