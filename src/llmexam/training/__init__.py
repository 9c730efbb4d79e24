"""Training: one trainer per family, and their shared loop."""

import llmexam.lm  # its settings must be there before a trainer's libraries are  # noqa: F401
