"""Build indexes and attach evidence to the questions of an exam."""
