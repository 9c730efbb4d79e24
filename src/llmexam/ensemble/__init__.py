"""Ensembles: several score matrices in, one out."""
