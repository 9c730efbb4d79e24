"""Texts for a corpus: from Wikipedia dumps and web APIs, cleaned, with their licence and source."""
