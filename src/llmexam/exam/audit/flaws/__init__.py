"""Rules of item writing that can be decided from a question alone."""

from __future__ import annotations

from llmexam.exam.audit.flaws.rule import Flaw, Rule
from llmexam.exam.audit.flaws.table import RULES, FlawCount, check_flaws, find_flaws, flaw_table

__all__ = ["RULES", "Flaw", "FlawCount", "Rule", "check_flaws", "find_flaws", "flaw_table"]
