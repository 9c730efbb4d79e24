"""Questions written by language models: whole ones, or parts of questions of another generator."""
