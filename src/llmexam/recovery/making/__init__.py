"""Training data: texts rewritten under prompts by a language model, filtered and counted."""
