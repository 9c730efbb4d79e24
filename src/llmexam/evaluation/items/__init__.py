"""Item analysis: difficulty, discrimination and distractor use, from the answers of solvers."""

from __future__ import annotations

from llmexam.evaluation.items.analysis import ItemAnalysis, Rater, analyse
from llmexam.evaluation.items.responses import Responses, read_responses
from llmexam.evaluation.items.suspects import SuspectKey

__all__ = ["ItemAnalysis", "Rater", "Responses", "SuspectKey", "analyse", "read_responses"]
