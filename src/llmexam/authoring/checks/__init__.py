"""Checks of authored questions: which are rejected, why, and what each check contributes."""
