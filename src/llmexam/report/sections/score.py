"""Report section: score card with the main result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from rich import box
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from llmexam.errors import plural
from llmexam.evaluation.detectable import with_measured_correlation
from llmexam.evaluation.results import Evaluation
from llmexam.report.content import Fact
from llmexam.report.formats import capital, clip, fixed, interval, listing, percent
from llmexam.report.plots import range_bar, told
from llmexam.report.sections.section import ReportData, Section
from llmexam.report.statistics import cluster_notes, correlation_note
from llmexam.report.terminal_parts import plain_text

_TITLE = 200


@dataclass(frozen=True, slots=True)
class Headline:
    """The score card. `score` and `bar` are empty if the exam has no answers."""

    title: str
    metric: str
    meaning: str
    score: str
    interval: str
    level: str
    bar: Markup
    reading: tuple[str, ...]
    facts: tuple[Fact, ...]


def view_headline(data: ReportData) -> Headline:
    """Return the score card of the final result."""
    content = data.content
    title, evaluation = clip(content.title, _TITLE) or "Exam report", content.final.evaluation
    if evaluation is None:
        note = (
            "This exam has no answers, so the report shows rankings without grades."
            if len(content.exam)
            else f"This exam has no {content.noun}s."
        )
        return Headline(title, "", "", "", "", "", Markup(""), (note,), content.facts)
    evaluation = with_measured_correlation(evaluation, content.comparisons)
    primary, level = evaluation.primary, evaluation.level
    names = ", ".join(f"{name} {fixed(v)}" for name, v in primary.references.items())
    bar = range_bar(
        primary.estimate,
        primary.references,
        primary.minimum_detectable_difference,
        f"{primary.label} {told(primary.estimate, level)}. Baselines: {names or 'none'}. Minimum "
        f"detectable difference {fixed(primary.minimum_detectable_difference)}.",
    )
    n_items, *others = content.facts
    facts = (
        n_items,
        *(
            Fact(capital(m.label), fixed(m.estimate.value), interval(m.estimate))
            for m in evaluation.metrics[1:]
        ),
        *others,
    )
    return Headline(
        title,
        primary.label,
        f"{primary.label}: {primary.explanation}",
        fixed(primary.estimate.value),
        interval(primary.estimate),
        percent(level),
        bar,
        tuple(_reading(evaluation, content.noun)),
        facts,
    )


def _reading(evaluation: Evaluation, noun: str) -> Iterator[str]:
    primary = evaluation.primary
    score, baselines = primary.estimate, primary.references
    below = [name for name, value in baselines.items() if value < score.low]
    within = [name for name, value in baselines.items() if score.low <= value <= score.high]
    above = [name for name, value in baselines.items() if value > score.high]
    beaten, better = (below, above) if primary.higher_is_better else (above, below)
    if beaten:
        side = "above" if primary.higher_is_better else "below"
        yield f"The whole interval is {side} {_baselines(beaten)}."
    if within:
        verb = "lies" if len(within) == 1 else "lie"
        yield (
            f"{_baselines(within, capital=True)} {verb} inside the interval, so the "
            f"score is statistically tied with {'it' if len(within) == 1 else 'them'}."
        )
    if better:
        verb = "scores" if len(better) == 1 else "score"
        side = "higher" if primary.higher_is_better else "lower"
        yield f"{_baselines(better, capital=True)} {verb} {side} than the whole interval."
    yield (
        f"With {plural(evaluation.n_items, noun)}, a paired test detects a difference "
        f"of {fixed(primary.minimum_detectable_difference)} to another solver with a "
        f"power of 80% ({correlation_note(primary)}); smaller differences may go unnoticed."
    )
    yield from cluster_notes(evaluation.clusters, noun)


def _baselines(names: Sequence[str], *, capital: bool = False) -> str:
    noun = "baseline" if len(names) == 1 else "baselines"
    return f"{'The' if capital else 'the'} {noun} {listing(names)}"


def _summary(head: Headline) -> Panel:
    lines: list[Text | Table] = []
    if head.score:
        lines.append(
            Text.assemble(
                (f"{head.metric} ", "bold"),
                (head.score, "bold green"),
                f"  {head.level} interval {head.interval}",
            )
        )
    facts = Table.grid(padding=(0, 2, 0, 0))
    for fact in head.facts:
        facts.add_row(Text(fact.label, style="dim"), Text(fact.value, style="bold"), fact.detail)
    lines.append(facts)
    lines.extend(plain_text(sentence) for sentence in head.reading)
    title = plain_text(clip(head.title, 80), "bold")
    return Panel(Group(*lines), title=title, title_align="left", box=box.ROUNDED, padding=(0, 1))


SCORE = Section("score", "", view_headline, _summary)
