"""Train solvers: a trainer for each family, and what all of them share."""

import llmexam.lm  # its settings must be there before a trainer's libraries are  # noqa: F401
