"""Audit a file of rewritten texts without a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from llmexam.errors import plural
from llmexam.exam.audit.finding import SEVERITIES, Finding, invalid_rows
from llmexam.recovery.audit import audit_rewrites, find_shared, script_of
from llmexam.recovery.groups import prompt_groups
from llmexam.recovery.parsing import read_rewrites, read_rows
from llmexam.recovery.rewrites import RewriteExam
from llmexam.settings.base import Settings
from llmexam.tasks.capabilities import ExamFile, Options
from llmexam.tasks.prompt_recovery.plan import RecoveryPlan, rewrites_path


@dataclass(frozen=True)
class RewriteAudit:
    """Result of an audit of rewritten texts.

    Attributes:
        source: The file.
        format: Name of its format.
        n_rows: Valid rows.
        n_labelled: How many of them have a prompt.
        n_prompts: Distinct prompts.
        n_prompt_groups: Groups of near-equal prompts.
        scripts: Number of rewritten texts by script, most frequent first.
        against: The training files it was compared with.
        findings: Worst first; within a severity, in the order of the checks.
    """

    source: str
    format: str
    n_rows: int
    n_labelled: int
    n_prompts: int
    n_prompt_groups: int
    scripts: dict[str, int]
    against: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing worse than a note was found."""
        return all(finding.severity == "note" for finding in self.findings)

    @property
    def headings(self) -> tuple[str, ...]:
        """Lines about the file as a whole: its size, prompts and scripts."""
        prompts = "prompts not known"
        if self.n_labelled:
            groups = plural(self.n_prompt_groups, "group")
            prompts = f"{plural(self.n_prompts, 'distinct prompt')} in {groups} of near-equal ones"
        scripts = "  ".join(f"{name} {n:,}" for name, n in self.scripts.items())
        return (
            f"{self.source}: {plural(self.n_rows, 'row')}, {prompts}, format '{self.format}'",
            f"Rewritten texts by script: {scripts or 'none'}",
        )

    def count(self, severity: str) -> int:
        """Return how many findings have a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-serialisable values."""
        return {**asdict(self), "is_clean": self.is_clean}


def audit_file(file: ExamFile, *, against: Sequence[str | Path], options: Options) -> RewriteAudit:
    """Return what is wrong or odd in rewritten texts, and what they share with training files.

    Invalid rows and repeated ids are findings; the other checks leave these rows out.

    Args:
        file: The file.
        against: Training files, which should share no prompts and texts with it.
        options: There are none.

    Raises:
        ExamError: A whole file cannot be read, or a row of a training file is invalid.
        SettingsError: An option is given.
    """
    Settings.parse(options, subject="the audit of prompt recovery")
    fields = file.plain_fields()
    read = read_rows(rewrites_path(file.path), fields=fields, format=file.format)
    rows, numbers = read.exam, read.numbers
    found = list(audit_rewrites(rows))
    for path in against:
        # Columns of training files are those of the exam, where these are mapped.
        train = read_rewrites(rewrites_path(path), fields=fields)
        found += find_shared(rows, replace(train, source=str(path)))
    placed = [replace(one, rows=tuple(numbers[row - 1] for row in one.rows)) for one in found]
    scripts = Counter(script_of(text) or "no letters" for text in rows.rewrittens)
    findings = [*invalid_rows(read.faults), *placed]
    return RewriteAudit(
        source=str(file.path),
        format=rows.format,
        n_rows=len(rows),
        n_labelled=len(rows) if rows.is_labelled else 0,
        n_prompts=len(set(rows.prompts)) if rows.is_labelled else 0,
        n_prompt_groups=_n_groups(rows),
        scripts=dict(scripts.most_common()),
        against=tuple(map(str, against)),
        findings=tuple(sorted(findings, key=lambda one: SEVERITIES.index(one.severity))),
    )


def _n_groups(rows: RewriteExam) -> int:
    return len(set(prompt_groups(rows.prompts).tolist())) if rows.is_labelled else 0


def seen_by_models(plan: RecoveryPlan, items: RewriteExam) -> list[Finding]:
    """Return which rows the models of a plan's recoverers were trained on.

    Args:
        plan: The plan.
        items: The rows of its exam.
    """
    found = []
    for planned in plan.recoverers:
        seen = planned.make().seen_rows
        rows = [number for number, row in enumerate(items, 1) if seen.has_pair(row)]
        prompts = [number for number, row in enumerate(items, 1) if seen.has_prompt(row)]
        what = f"that the model of '{planned.name}' was trained on"
        if rows:
            found.append(
                Finding(
                    "training rows of a model",
                    "warning",
                    f"{plural(len(rows), 'row')} {what}: its scores are too good",
                    tuple(rows),
                )
            )
        if others := sorted(set(prompts) - set(rows)):
            found.append(
                Finding(
                    "training prompts of a model",
                    "warning",
                    f"{plural(len(others), 'row')} with prompts {what}: its scores say little "
                    "about new prompts",
                    tuple(others),
                )
            )
    return found
