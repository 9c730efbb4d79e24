"""Compare runs, logs of other harnesses and submissions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmexam.errors import LlmExamError
from llmexam.evaluation.results import Comparison, Flip, FullComparison
from llmexam.report.formats import count, fixed, interval, p_value, percent, signed
from llmexam.report.plots import Axis, axis_labels, axis_over, strip
from llmexam.report.questions import QuestionView
from llmexam.report.statistics import adjusted_note, cluster_notes, equivalence_notes
from llmexam.web import query
from llmexam.web.pages.paging import Pages
from llmexam.web.responses import page
from llmexam.web.wording import error_text
from llmexam.workflows.browse.browser import Browser
from llmexam.workflows.browse.comparing import Compared, Comparer, SliceDifference

_FLIPS = 10


@dataclass(frozen=True)
class PairRow:
    """The first result against another one."""

    name: str
    value: str
    difference: str
    ends: str
    plot: Markup
    p: str
    holm: str
    bh: str
    better: str
    equal: str
    worse: str
    detectable: str
    reading: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class MetricRow:
    """A difference by another metric."""

    label: str
    difference: str
    ends: str
    p: str


@dataclass(frozen=True)
class SliceRow:
    """A difference on some of the questions."""

    by: str
    value: str
    n: str
    difference: str
    ends: str
    plot: Markup
    p: str


@dataclass(frozen=True)
class FlipView:
    """A question that one result answers correctly and the other does not."""

    flip: Flip
    row: int | None
    a: QuestionView | None
    b: QuestionView | None


@dataclass(frozen=True)
class Place:
    """A page of flips: its number, and how many a page has."""

    number: int
    per_page: int


def compare_values(
    browser: Browser,
    comparer: Comparer,
    ids: Sequence[str],
    *,
    side: str = "a",
    number: int = 1,
    per_page: int = _FLIPS,
) -> dict[str, Any]:
    """Return what the page shows.

    Args:
        browser: The workspace.
        comparer: Compares its results.
        ids: Runs or files; fewer than two give the form alone.
        side: Whose questions are shown: "a" for those that only the first answers correctly.
        number: Number of the page of these questions.
        per_page: How many a page has.

    Raises:
        LlmExamError: What `Comparer.compare` raises.
    """
    runs = [one for one in browser.listing.entries() if one.kind == "run" and one.exam_hash]
    listed = sorted(runs, key=lambda one: one.id)
    values: dict[str, Any] = {"ids": tuple(ids), "runs": listed, "found": None, "problem": ""}
    if len(ids) < 2:
        return values
    found = comparer.compare(ids)
    return {**values, "found": _found(browser, found, side, Place(number, per_page))}


def routes(browser: Browser, comparer: Comparer) -> Sequence[BaseRoute]:
    """Return the routes of the page."""

    def show(request: Request) -> Response:
        given = request.query_params
        ids = (*query.texts(given, "run"), *query.texts(given, "file"))
        side = "b" if query.text(given, "side") == "b" else "a"
        number = query.number(given, "page", 1, low=1)
        try:
            values = compare_values(browser, comparer, ids, side=side, number=number)
            return page(request, "compare.html", tab="compare", **values)
        except LlmExamError as error:
            # The form stays, so that another choice can be made.
            values = compare_values(browser, comparer, ids[:1])
            values.update(problem=error_text(error), ids=ids)
            return page(request, "compare.html", tab="compare", status=400, **values)

    return [Route("/compare", show, methods=["GET"])]


def _found(browser: Browser, compared: Compared, side: str, place: Place) -> dict[str, Any]:
    comparisons = compared.family.comparisons
    first = comparisons[0]
    ends = [v for c in comparisons for v in (c.difference.low, c.difference.high)]
    axis = _axis(ends)
    slices = [v for one in compared.slices for v in (one.difference.low, one.difference.high)]
    slice_axis = _axis(slices)
    values: dict[str, Any] = {
        "metric": first.metric.label,
        "noun": first.noun,
        "n": count(first.n_items),
        "level": percent(first.level),
        "first": first.name_a,
        "first_value": fixed(first.a.value),
        "first_ends": interval(first.a),
        "pairs": [_pair(one, axis) for one in comparisons],
        "axis": axis_labels(axis),
        "adjustment": adjusted_note(comparisons),
        "notes": [*cluster_notes(first.clusters, first.noun), *_regraded(compared.regraded)],
        "metrics": [_metric(one) for one in first.others] if len(comparisons) == 1 else [],
        "slices": [_slice(one, slice_axis) for one in compared.slices],
        "slice_axis": axis_labels(slice_axis) if slices else None,
        "single": len(comparisons) == 1,
    }
    if len(comparisons) == 1:
        values.update(_flips(browser, compared, first, side, place))
    return values


def _regraded(ids: Sequence[str]) -> list[str]:
    if not ids:
        return []
    return [
        "Grades in the list of runs are by another embedder for "
        f"{', '.join(ids)}; all values here are by the embedder of the first run."
    ]


def _axis(values: Sequence[float]) -> Axis:
    return axis_over([0.0, *values], floor=min(-1.0, *values, 0.0), ceiling=max(1.0, *values, 0.0))


def _pair(one: FullComparison, axis: Axis) -> PairRow:
    said = f"difference {signed(one.difference.value)}, {percent(one.level)} interval "
    return PairRow(
        one.name_b,
        fixed(one.b.value),
        signed(one.difference.value),
        interval(one.difference, with_sign=True),
        strip(axis, one.difference, said + interval(one.difference, with_sign=True), reference=0.0),
        p_value(one.p_value),
        p_value(one.adjusted.holm) if one.adjusted else "",
        p_value(one.adjusted.benjamini_hochberg) if one.adjusted else "",
        count(one.n_better),
        count(one.n_ties),
        count(one.n_worse),
        fixed(one.minimum_detectable_difference),
        _reading(one),
        tuple(equivalence_notes(one, one.noun)),
    )


def _reading(one: Comparison) -> str:
    winner, adjusted = one.winner, one.adjusted
    if winner is None:
        return "no significant difference"
    is_kept = adjusted is None or adjusted.holm <= 1 - one.level
    return f"{winner} is better" + ("" if is_kept else ", but not significantly after Holm")


def _metric(one: Comparison) -> MetricRow:
    return MetricRow(
        one.metric.label,
        signed(one.difference.value),
        interval(one.difference, with_sign=True),
        p_value(one.p_value),
    )


def _slice(one: SliceDifference, axis: Axis) -> SliceRow:
    ends = interval(one.difference, with_sign=True)
    said = f"difference {signed(one.difference.value)}, interval {ends}"
    return SliceRow(
        one.by,
        one.value,
        count(one.n),
        signed(one.difference.value),
        ends,
        strip(axis, one.difference, said, reference=0.0),
        p_value(one.p_value),
    )


def _flips(
    browser: Browser, compared: Compared, first: FullComparison, side: str, place: Place
) -> dict[str, Any]:
    flips = [flip for flip in first.flips if flip.right == side]
    pages = Pages.of(len(flips), place.number, place.per_page)
    return {
        "side": side,
        "n_a": sum(flip.right == "a" for flip in first.flips),
        "n_b": sum(flip.right == "b" for flip in first.flips),
        "pages": pages,
        "flips": [_flip(browser, compared, flip) for flip in flips[pages.begin : pages.end]],
        "state": {"run": list(compared.ids), "side": side},
    }


def _flip(browser: Browser, compared: Compared, flip: Flip) -> FlipView:
    views: list[QuestionView | None] = []
    row = None
    for number, id in enumerate(compared.ids[:2]):
        path = browser.workspace.path(id)
        run = browser.open(id).choice if path.is_dir() else None
        place = run.place(flip.id) if run is not None else None
        views.append(run.question(place) if run is not None and place is not None else None)
        if number == 0 and place is not None:
            row = place + 1
    return FlipView(flip, row, views[0], views[1])
