"""Base of solvers that score each option with a trained encoder (`llmexam.lm.readers`)."""
