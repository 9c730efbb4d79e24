"""Training of solver `ranker`."""
