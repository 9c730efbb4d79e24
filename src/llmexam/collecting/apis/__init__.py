"""Texts from web APIs: MediaWiki, arXiv and OpenAlex, asked politely, cached and with licences."""
