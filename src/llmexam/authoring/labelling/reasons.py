"""Reasons to reject a question."""

from __future__ import annotations

from llmexam.exam.audit.flaws import RULES

JUDGEMENTS: dict[str, str] = {
    "wrong-key": "the key is wrong",
    "several-right": "more than one option is right",
    "none-right": "no option is right",
    "not-supported": "the passage does not support the key",
    "needs-passage": "the question refers to a passage or figure that a solver may not have",
    "guessable": "the key shows without the passage: length, wording or letter",
    "weak-distractors": "wrong options are implausible or of another kind",
    "unclear": "the question is unclear or ungrammatical",
    "trivial": "the question asks for nothing worth knowing",
    "duplicate": "the question repeats another one",
    "other": "another reason (see the note)",
}
"""Reasons that only a reader can judge: names in the labels, and what the page calls them."""

RULE_REASONS: dict[str, str] = {rule.id: rule.description for rule in RULES}
"""Rules of item writing that a question may break."""

REASONS: dict[str, str] = {**JUDGEMENTS, **RULE_REASONS}
"""All reasons by name."""
