"""Prompt recovery: rewritten texts, metrics of recovered prompts, and what recovers them."""
