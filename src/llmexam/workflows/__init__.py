"""Workflows: plain functions that wire the rooms together, one a command."""
