"""Evidence: corpora, passages, search indexes, and retrieval of passages for questions."""
