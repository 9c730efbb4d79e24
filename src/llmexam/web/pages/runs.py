"""The list of runs and trainings: a leaderboard for each exam, and what goes on now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from llmexam.errors import RunError
from llmexam.evaluation.results import Estimate
from llmexam.report.formats import count, duration, fixed, interval
from llmexam.report.paths import without_folders
from llmexam.report.plots import Axis, axis_labels, axis_over, strip, told
from llmexam.report.training_curves import curve_charts
from llmexam.web import query
from llmexam.web.responses import page, read_form, redirect
from llmexam.workflows.browse.browser import Browser
from llmexam.workflows.browse.entry import Entry, Score
from llmexam.workflows.browse.listing import Group, filter_entries, group_entries
from llmexam.workflows.browse.live import live_curve
from llmexam.workflows.browse.tags import parse_tags, write_tags

SORTS = {
    "score": "Score",
    "date": "Date, newest first",
    "title": "Title",
    "seconds": "Time",
    "id": "Folder",
}
"""Orders of the runs of an exam."""


@dataclass(frozen=True)
class Row:
    """A run of a leaderboard; or a baseline, whose entry is None."""

    name: str
    entry: Entry | None
    rank: int
    score: str
    ends: str
    plot: Markup | None
    date: str
    time: str


@dataclass(frozen=True)
class Table:
    """A leaderboard: the runs of one exam."""

    group: Group
    embedder: str
    n_items: str
    rows: tuple[Row, ...]
    axis: Markup | None


@dataclass(frozen=True)
class TrainingRow:
    """A training, with its score on each exam: name, value and interval."""

    entry: Entry
    scores: tuple[tuple[str, str, str], ...]
    time: str


def list_values(
    browser: Browser,
    *,
    text: str = "",
    tag: str = "",
    state: str = "",
    sort: str = "score",
    live: bool = True,
) -> dict[str, Any]:
    """Return what the page shows.

    Args:
        browser: The workspace.
        text: Words to search for.
        tag: Only runs with this tag.
        state: Only runs in this state.
        sort: One of `SORTS`.
        live: Show how far runs are that go on; without it, they are among those not finished.
    """
    every = browser.listing.entries()
    shown = filter_entries(every, text=text, tag=tag, state=state)
    running = [one for one in shown if live and one.state == "running"]
    return {
        "folder": browser.workspace.folder.name,
        "n_all": len(every),
        "n_shown": len(shown),
        "tags": sorted({tag for one in every for tag in one.tags}),
        "tables": [_table(group, sort) for group in group_entries(shown)],
        "trainings": [_training(one) for one in shown if one.kind == "training" and one.metric],
        "running": [progress_values(browser, one) for one in running],
        "others": [
            one
            for one in shown
            if not (live and one.state == "running") and not one.exam_hash and not one.metric
        ],
        "sorts": SORTS,
        "state": {"q": text, "tag": tag, "state": state, "sort": sort},
    }


def progress_values(browser: Browser, entry: Entry) -> dict[str, Any]:
    """Return how far a run is, as JSON values and drawings."""
    progress = entry.progress
    left = progress.seconds_left if progress else None
    curve = live_curve(browser.workspace.path(entry.id)) if entry.kind == "training" else ()
    return {
        "id": entry.id,
        "kind": entry.kind,
        "title": entry.title,
        "state": entry.state,
        "stage": progress.stage if progress else "",
        "n_done": progress.n_done if progress else 0,
        "n_all": progress.n_all if progress else None,
        "seconds": round(progress.written - progress.began, 1) if progress else None,
        "elapsed": duration(progress.written - progress.began) if progress else "",
        "seconds_left": left,
        "left": "" if left is None else duration(left),
        "problem": progress.problem if progress else "",
        "charts": curve_charts(curve),
    }


def routes(browser: Browser) -> Sequence[BaseRoute]:
    """Return the routes of the page."""

    def show(request: Request) -> Response:
        given = request.query_params
        sort = query.text(given, "sort") or "score"
        values = list_values(
            browser,
            text=query.text(given, "q"),
            tag=query.text(given, "tag"),
            state=query.text(given, "state"),
            sort=sort if sort in SORTS else "score",
        )
        return page(request, "runs.html", tab="", **values)

    def progress(request: Request) -> Response:
        running = [one for one in browser.listing.entries() if one.state == "running"]
        return JSONResponse([progress_values(browser, one) for one in running])

    def save(id: str, text: str) -> None:
        browser.folder(id)
        write_tags(browser.workspace.folder, id, parse_tags(text))

    async def tag(request: Request) -> Response:
        form = await read_form(request)
        if form is None or "run" not in form:
            raise RunError("expected a short form with a run and its tags")
        # The lock of the file may have to be waited for.
        await run_in_threadpool(save, form["run"][0], form.get("tags", [""])[0])
        return redirect("/")

    return [
        Route("/", show, methods=["GET"]),
        Route("/progress", progress, methods=["GET"]),
        Route("/tags", tag, methods=["POST"]),
    ]


def _table(group: Group, sort: str) -> Table:
    graded = [(one, one.scores[0]) for one in group.entries if one.scores]
    baselines = _baselines(graded)
    values = [v for _, s in graded for v in (s.low, s.high, s.value)] + list(baselines.values())
    axis = _axis(values) if values else None
    ranks = {one.id: rank for rank, (one, _) in enumerate(graded, 1)}
    rows = [_row(one, ranks.get(one.id, 0), axis) for one in _ordered(group.entries, sort)]
    rows += [_baseline(name, value, axis) for name, value in baselines.items()]
    return Table(
        group,
        without_folders(group.embedder),
        count(group.n_items),
        tuple(rows),
        None if axis is None else axis_labels(axis),
    )


def _axis(values: Sequence[float]) -> Axis:
    return axis_over(values, floor=min(0.0, *values), ceiling=max(1.0, *values))


def _baselines(graded: Sequence[tuple[Entry, Score]]) -> Mapping[str, float]:
    """Return the baselines of an exam, which are the same for all runs of it."""
    found: dict[str, float] = {}
    for _, score in graded:
        found = {**score.baselines, **found}
    return found


def _ordered(entries: Sequence[Entry], sort: str) -> list[Entry]:
    if sort == "date":
        return sorted(entries, key=lambda one: one.date, reverse=True)
    if sort == "title":
        return sorted(entries, key=lambda one: one.title.casefold())
    if sort == "seconds":
        return sorted(entries, key=lambda one: one.seconds)
    return sorted(entries, key=lambda one: one.id) if sort == "id" else list(entries)


def _row(entry: Entry, rank: int, axis: Axis | None) -> Row:
    score = entry.scores[0] if entry.scores else None
    drawn = None
    estimate = None
    if score is not None:
        estimate = Estimate(value=score.value, low=score.low, high=score.high)
        if axis is not None:
            drawn = strip(axis, estimate, told(estimate, entry.level))
    return Row(
        entry.title,
        entry,
        rank,
        fixed(score.value) if score else "",
        interval(estimate) if estimate else "",
        drawn,
        entry.date,
        duration(entry.seconds),
    )


def _baseline(name: str, value: float, axis: Axis | None) -> Row:
    alone = Estimate(value=value, low=value, high=value)
    drawn = axis and strip(axis, alone, f"{fixed(value)}, baseline", kind="baseline")
    return Row(name, None, 0, fixed(value), "", drawn or None, "", "")


def _training(entry: Entry) -> TrainingRow:
    scores = tuple(
        (
            one.name,
            fixed(one.value),
            interval(Estimate(value=one.value, low=one.low, high=one.high)),
        )
        for one in entry.scores
    )
    return TrainingRow(entry, scores, duration(entry.seconds))
