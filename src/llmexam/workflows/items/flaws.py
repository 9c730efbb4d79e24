"""Item-writing flaws of an exam."""

from __future__ import annotations

from collections import defaultdict

from llmexam.exam.audit.flaws import find_flaws
from llmexam.exam.exam import Exam


def flaws_of(exam: Exam) -> dict[str, tuple[int, ...]]:
    """Return the rows of each item-writing flaw by the name of its rule."""
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, question in enumerate(exam, 1):
        for rule in dict.fromkeys(flaw.rule for flaw in find_flaws(question)):
            rows[rule].append(row)
    return {rule: tuple(found) for rule, found in sorted(rows.items())}
