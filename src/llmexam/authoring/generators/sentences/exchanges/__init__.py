"""Exchange one thing of a sentence so that the sentence becomes false."""

from llmexam.authoring.generators.sentences.exchanges.exchange import Exchange
from llmexam.authoring.generators.sentences.exchanges.finding import find_exchanges

__all__ = ["Exchange", "find_exchanges"]
