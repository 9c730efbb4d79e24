"""Folders that install and run a plan on a machine without a network."""
