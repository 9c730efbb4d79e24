"""Report section: provenance, to reproduce the run, and its files."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group
from rich.text import Text

from llmexam.report.content import RunContent
from llmexam.report.formats import count
from llmexam.report.paths import command_without_folders, without_folders
from llmexam.report.sections.section import ReportData, Section
from llmexam.report.terminal_parts import plain_text


@dataclass(frozen=True, slots=True)
class ProvenanceView:
    """Label and value of each entry.

    `files` are relative to the run folder, for a page that is sent to others; `paths` are as the
    run wrote them, for the terminal.
    """

    command: str
    entries: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...]
    paths: tuple[tuple[str, str], ...]


def provenance_view(data: ReportData) -> ProvenanceView:
    """Return the command, versions, hashes and files of the run."""
    content = data.content
    paths = tuple(content.files.items())
    return ProvenanceView(
        command=command_without_folders(content.command, content.folder),
        entries=_entries(content),
        files=tuple((label, without_folders(path, content.folder)) for label, path in paths),
        paths=paths,
    )


def _entries(content: RunContent) -> tuple[tuple[str, str], ...]:
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


def _summary(view: ProvenanceView) -> Group | None:
    if not view.paths:
        return None
    width = max(len(label) for label, _ in view.paths)
    lines = [Text("Files", style="bold")]
    for label, path in view.paths:
        lines.append(plain_text(f"{label:<{width}}  ", "dim").append_text(plain_text(path)))
    return Group(*lines)


PROVENANCE = Section("provenance", "Provenance", provenance_view, _summary)
