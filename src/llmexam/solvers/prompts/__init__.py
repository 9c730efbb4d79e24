"""Prompts: named templates and few-shot examples."""
