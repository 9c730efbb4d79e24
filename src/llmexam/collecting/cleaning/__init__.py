"""Cleaning of a corpus: steps that change or drop documents, with counts of what each did."""
