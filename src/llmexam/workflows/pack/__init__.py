"""Make a pack of a plan, and try it."""
