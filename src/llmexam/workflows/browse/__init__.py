"""Look at runs and trainings in a folder: list, open, filter, search and compare them."""
