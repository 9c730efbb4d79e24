"""Questions written from sentences by rules and corpus statistics, without a language model."""

from llmexam.authoring.generators.sentences.generator import SentenceGenerator

__all__ = ["SentenceGenerator"]
