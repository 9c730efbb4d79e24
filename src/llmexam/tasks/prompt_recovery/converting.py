"""Write files of rewritten texts in other formats, whole or in parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from llmexam.errors import ExamError, nearest
from llmexam.exam.splits import deal_folds, deal_parts
from llmexam.recovery.groups import prompt_groups
from llmexam.recovery.parsing import FORMATS
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.writers import write_rewrites
from llmexam.tasks.capabilities import Converter, ExamFile
from llmexam.tasks.prompt_recovery.predictions import load_rows

_NOTHING = "none"


class RewritesConverter(Converter[RewriteExam]):
    """Writes rows as CSV and JSON Lines; near-equal prompts stay in one part."""

    suffixes: Mapping[str, str] = {".csv": "csv", ".jsonl": "jsonl"}
    formats: Sequence[str] = FORMATS
    noun = "row"

    def load(self, exam: RewriteExam | ExamFile) -> RewriteExam:
        """Return rows unchanged, or read them."""
        return exam if isinstance(exam, RewriteExam) else load_rows(exam)

    def split(
        self,
        items: RewriteExam,
        shares: Mapping[str, float],
        *,
        seed: int,
        stratify: str | None,
        group_by: str | None,
    ) -> Mapping[str, RewriteExam]:
        """Return the parts by name.

        Raises:
            ExamError: The shares or a column are wrong, or a part would be empty.
        """
        strata, groups = _strata(items, stratify), _groups(items, group_by)
        parts = deal_parts(strata, groups, shares, seed=seed, source=items.source)
        return {name: items.subset(rows.tolist()) for name, rows in parts.items()}

    def folds(
        self, items: RewriteExam, n: int, *, seed: int, stratify: str | None, group_by: str | None
    ) -> Sequence[RewriteExam]:
        """Return the folds.

        Raises:
            ExamError: There are too few groups, or no such column.
        """
        strata, groups = _strata(items, stratify), _groups(items, group_by)
        folds = deal_folds(strata, groups, n, seed=seed, source=items.source)
        return [items.subset(rows.tolist()) for rows in folds]

    def write(self, path: Path, items: RewriteExam, format: str) -> None:
        """Write rows, whole or not at all."""
        write_rewrites(path, items, format=format)


def _strata(items: RewriteExam, stratify: str | None) -> list[str]:
    if stratify in (None, _NOTHING):
        return [""] * len(items)
    return _column(items, str(stratify), "stratify")


def _groups(items: RewriteExam, group_by: str | None) -> list[str]:
    """Return the group of each row: near-equal prompts by default, where prompts are known."""
    if group_by == "prompt" or (group_by is None and items.is_labelled):
        return [str(group) for group in prompt_groups(items.prompts)]
    if group_by in (None, _NOTHING):
        return [str(row) for row in np.arange(len(items))]
    return _column(items, str(group_by), "group_by")


def _column(items: RewriteExam, key: str, field: str) -> list[str]:
    known = {name for row in items for name in row.metadata}
    if key not in known:
        raise ExamError(
            f"no row has a column '{key}'",
            file=items.source or None,
            field=field,
            hint=nearest(key, {*known, "prompt", _NOTHING} if field == "group_by" else known),
        )
    return [row.metadata.get(key, "") for row in items]
