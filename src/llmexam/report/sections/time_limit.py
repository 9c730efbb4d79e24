"""Report section: the time limit of a run, what was left out, and the submissions written."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from llmexam.report.content import TimeLimit
from llmexam.report.formats import count, listing
from llmexam.report.sections.section import ReportData, Section
from llmexam.report.terminal_parts import plain_text
from llmexam.settings.durations import clock_face


@dataclass(frozen=True, slots=True)
class PartView:
    """A part that was left out."""

    name: str
    reason: str
    failed: bool


@dataclass(frozen=True, slots=True)
class TimeLimitView:
    """The limit, what the result is made of, what was left out, and when submissions came."""

    summary: str
    members: str
    order: str
    left_out: tuple[PartView, ...]
    versions: tuple[tuple[str, str], ...]


def time_limit_view(data: ReportData) -> TimeLimitView | None:
    """Return the time limit, or None for a run without one."""
    return None if data.content.limit is None else view_of(data.content.limit)


def view_of(limit: TimeLimit) -> TimeLimitView:
    """Return what the section shows of a time limit."""
    return TimeLimitView(
        _summary_of(limit),
        f"The result is made of {listing(list(limit.members))}."
        if limit.members
        else "No solver finished: the result is the baseline.",
        limit.order,
        tuple(PartView(one.name, one.reason, one.failed) for one in limit.left_out),
        tuple((clock_face(one.seconds), one.members) for one in limit.versions),
    )


def _summary_of(limit: TimeLimit) -> str:
    starts = f", start {count(limit.n_starts)} of the run" if limit.n_starts > 1 else ""
    return f"{clock_face(limit.seconds)} of {clock_face(limit.limit_seconds)} used{starts}"


def limit_lines(view: TimeLimitView) -> Padding:
    """Return the lines for the terminal."""
    lines = [Text.assemble(("Time limit  ", "bold"), view.summary)]
    lines.append(plain_text(f"{view.members} {view.order}"))
    for one in view.left_out:
        word = "failed" if one.failed else "left out"
        lines.append(plain_text(f"{word:<9}{one.name}: {one.reason}", "red" if one.failed else ""))
    return Padding(Group(*lines), (0, 0, 1, 0))


TIME_LIMIT = Section("time-limit", "Time limit", time_limit_view, limit_lines)
