"""Rules of item writing, and what breaks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from llmexam.exam.audit.flaws.reading import Reading

Severity = Literal["warning", "note"]
Judge = Callable[[Reading], str | None]


@dataclass(frozen=True, slots=True)
class Flaw:
    """A rule that a question breaks.

    Attributes:
        rule: Id of the rule.
        severity: "warning" where people or models can guess the answer or misread the question,
            "note" where the rule is a matter of style.
        message: What was found in the question.
    """

    rule: str
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of item writing.

    Attributes:
        id: Short name.
        severity: See `Flaw`.
        description: What the rule asks for.
        source: Where the rule is from: T (Tarrant et al., 2006), H (Haladyna et al., 2002).
        judge: Returns what breaks the rule, or None.
    """

    id: str
    severity: Severity
    description: str
    source: str
    judge: Judge
