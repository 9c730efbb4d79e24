"""llmexam takes a language-model exam from a file of questions to a result one can defend."""

__version__ = "0.1.0"
