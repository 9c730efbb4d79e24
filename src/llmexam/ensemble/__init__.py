"""Ensembles: combine several score matrices into one."""
