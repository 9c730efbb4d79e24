"""Language models, loaded in one place."""
