"""How questions are put in words: named templates, and examples before a question."""
