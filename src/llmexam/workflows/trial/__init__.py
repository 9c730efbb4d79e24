"""Trying one question, or one rewritten text: models that stay loaded, and a queue."""
