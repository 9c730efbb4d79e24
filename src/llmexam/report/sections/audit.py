"""Report section: findings of the data audit."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from llmexam.errors import plural
from llmexam.report.content import RunContent
from llmexam.report.formats import clip, listing
from llmexam.report.paths import without_folders
from llmexam.report.sections.section import ReportData, Section
from llmexam.report.terminal_parts import plain_text

_SEVERITIES = ("error", "warning", "note")
_MESSAGE = 600
_SEVERITY_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}
# In the terminal.
_MOST_FINDINGS = 8
_SHORT_MESSAGE = 160


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding of the audit."""

    check: str
    severity: str
    message: str
    rows: str


@dataclass(frozen=True, slots=True)
class AuditView:
    """All findings, errors first; `counts` is the number of each severity."""

    counts: str
    findings: tuple[FindingView, ...]


def audit_view(data: ReportData) -> AuditView:
    """Return the findings of the audit."""
    return AuditView(_counts(data.content), _findings(data.content))


def _findings(content: RunContent) -> tuple[FindingView, ...]:
    """Return the audit's findings, errors first."""

    def gravity(finding: FindingView) -> int:
        known = finding.severity in _SEVERITIES
        return _SEVERITIES.index(finding.severity) if known else len(_SEVERITIES)

    views = [
        FindingView(
            f.check,
            str(f.severity),
            clip(without_folders(f.message, content.folder), _MESSAGE),
            f"{'row' if len(f.rows) == 1 else 'rows'} {listing([str(r) for r in f.rows])}"
            if f.rows
            else "",
        )
        for f in content.audit
    ]
    return tuple(sorted(views, key=gravity))


def _counts(content: RunContent) -> str:
    """Return how many findings of each severity there are, in words."""
    counts = [(s, sum(str(f.severity) == s for f in content.audit)) for s in _SEVERITIES]
    parts = [plural(n, severity) for severity, n in counts if n]
    others = len(content.audit) - sum(n for _, n in counts)
    if others:
        parts.append(plural(others, "other finding"))
    return listing(parts) if parts else "no findings"


def _summary(view: AuditView) -> Padding:
    lines = [Text.assemble(("Data audit  ", "bold"), view.counts)]
    for finding in view.findings[:_MOST_FINDINGS]:
        line = plain_text(f"{finding.severity:<8}", _SEVERITY_STYLES.get(finding.severity, ""))
        line.append_text(plain_text(f" {finding.check}: {clip(finding.message, _SHORT_MESSAGE)}"))
        if finding.rows:
            line.append_text(plain_text(f" ({finding.rows})", "dim"))
        lines.append(line)
    if len(view.findings) > _MOST_FINDINGS:
        lines.append(
            Text(f"and {len(view.findings) - _MOST_FINDINGS} more in the report", style="dim")
        )
    return Padding(Group(*lines), (0, 0, 1, 0))


AUDIT = Section("audit", "Data audit", audit_view, _summary)
