"""Views of how a result came to be: the data audit, the stages, the provenance."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from llmexam.report.content import ReportContent
from llmexam.report.formats import clip, count, duration, listing, memory, plural
from llmexam.report.paths import command_without_folders, without_folders
from llmexam.report.plots import bar

_SEVERITIES = ("error", "warning", "note")
_MESSAGE = 600


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding of the audit."""

    check: str
    severity: str
    message: str
    rows: str


@dataclass(frozen=True, slots=True)
class StageView:
    """What one stage took; bars are shares of the longest and of the largest."""

    name: str
    time: str
    time_bar: Markup
    memory: str
    memory_bar: Markup
    cached: bool


def findings(content: ReportContent) -> tuple[FindingView, ...]:
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


def audit_summary(content: ReportContent) -> str:
    """Return how many findings of each severity there are, in words."""
    counts = [(s, sum(str(f.severity) == s for f in content.audit)) for s in _SEVERITIES]
    parts = [plural(n, severity) for severity, n in counts if n]
    others = len(content.audit) - sum(n for _, n in counts)
    if others:
        parts.append(plural(others, "other finding"))
    return listing(parts) if parts else "no findings"


def stages(content: ReportContent) -> tuple[StageView, ...]:
    """Return time and memory a stage, in order."""
    longest = max((s.seconds for s in content.stages), default=0.0)
    largest = max((s.peak_mb for s in content.stages), default=0.0)
    return tuple(
        StageView(
            s.name,
            duration(s.seconds),
            bar(s.seconds / longest if longest > 0 else 0.0, f"Time {duration(s.seconds)}"),
            memory(s.peak_mb),
            bar(
                s.peak_mb / largest if largest > 0 else 0.0,
                f"Memory {memory(s.peak_mb)}",
                "bar two",
            ),
            s.cached,
        )
        for s in content.stages
    )


def stage_total(content: ReportContent) -> str:
    """Return the time of all stages together and the peak memory, in words."""
    if not content.stages:
        return ""
    time = duration(sum(s.seconds for s in content.stages))
    cached = sum(s.cached for s in content.stages)
    tail = f", {count(cached)} taken from an earlier run" if cached else ""
    return f"{time} in all, peak {memory(max(s.peak_mb for s in content.stages))}{tail}"


def provenance(content: ReportContent) -> tuple[tuple[str, str], ...]:
    """Return label and value of all that is needed to make the result again."""
    exam, evaluation = content.exam, content.final.evaluation
    entries = {
        "Exam": exam.source,
        "Format": exam.format,
        "File SHA-256": exam.source_hash,
        "Content SHA-256": exam.content_hash,
        "Seed": str(content.seed),
    }
    if evaluation:
        entries["Intervals"] = (
            f"{count(evaluation.n_resamples)} bootstrap resamples, seed {evaluation.seed}"
        )
    shown = set(entries.values())
    # The run tells some of this too, under other labels.
    entries.update({k: v for k, v in content.provenance.items() if v not in shown})
    return tuple(
        (without_folders(label, content.folder), without_folders(value, content.folder))
        for label, value in entries.items()
        if value
    )


def files(content: ReportContent) -> tuple[tuple[str, str], ...]:
    """Return label and name of what the run wrote, relative to its folder."""
    return tuple((label, without_folders(p, content.folder)) for label, p in content.files.items())


def command(content: ReportContent) -> str:
    """Return the command that made the run, without folders of this machine."""
    return command_without_folders(content.command, content.folder)
