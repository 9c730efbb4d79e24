"""Train a model from a recipe, and grade it."""
