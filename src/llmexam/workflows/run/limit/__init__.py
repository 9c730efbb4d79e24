"""Run a plan within a time limit, with a valid submission at every moment."""
