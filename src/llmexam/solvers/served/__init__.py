"""Solver `openai`: models served over HTTP by any OpenAI-compatible endpoint."""
