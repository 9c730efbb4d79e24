"""Build indexes and attach evidence to questions according to a plan."""
