"""Workflows: one function per command, which connects the other packages."""
