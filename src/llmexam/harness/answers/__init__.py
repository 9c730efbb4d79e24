"""The solver whose answers are those of a file."""
