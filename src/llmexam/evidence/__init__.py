"""Evidence: corpora, their passages, indexes over them, and what a question finds there."""
