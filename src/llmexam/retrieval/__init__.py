"""Build indexes and attach evidence to questions, as a plan says."""
