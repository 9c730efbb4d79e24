"""Candidates from a bank of prompts, and what tells good ones from bad ones."""
