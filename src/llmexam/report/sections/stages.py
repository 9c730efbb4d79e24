"""Report section: time and memory of each stage."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from rich.table import Table
from rich.text import Text

from llmexam.report.content import RunContent
from llmexam.report.formats import count, duration, memory
from llmexam.report.plots import bar
from llmexam.report.sections.section import ReportData, Section
from llmexam.report.terminal_parts import plain_text, text_table


@dataclass(frozen=True, slots=True)
class StageView:
    """Time and memory of one stage; bars are relative to the maximum over all stages."""

    name: str
    time: str
    time_bar: Markup
    memory: str
    memory_bar: Markup
    cached: bool


@dataclass(frozen=True, slots=True)
class StagesView:
    """All stages; `total` is their total time and the peak memory."""

    total: str
    stages: tuple[StageView, ...]


def stages_view(data: ReportData) -> StagesView | None:
    """Return the stages, if the run recorded any."""
    if not data.content.stages:
        return None
    return StagesView(_total(data.content), _stages(data.content))


def _stages(content: RunContent) -> tuple[StageView, ...]:
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


def _total(content: RunContent) -> str:
    """Return the time of all stages together and the peak memory, in words."""
    time = duration(sum(s.seconds for s in content.stages))
    cached = sum(s.cached for s in content.stages)
    tail = f", {count(cached)} cached" if cached else ""
    return f"total {time}, peak memory {memory(max(s.peak_mb for s in content.stages))}{tail}"


def _summary(view: StagesView) -> Table:
    table = text_table("Time and memory", "Stage", "Time", "Peak memory", "")
    for stage in view.stages:
        note = Text("cached" if stage.cached else "", style="dim")
        table.add_row(plain_text(stage.name), stage.time, stage.memory, note)
    table.caption = Text(f"{view.total}\n", style="dim")
    table.caption_justify = "left"
    return table


STAGES = Section("stages", "Time and memory", stages_view, _summary)
