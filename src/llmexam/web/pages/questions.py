"""The questions of a run: search, filters, and one question in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmexam.report.formats import count
from llmexam.web import query
from llmexam.web.pages.paging import PER_PAGE, Pages
from llmexam.web.pages.rows import row_values, rows_values
from llmexam.web.responses import page
from llmexam.workflows.browse.browser import Browser
from llmexam.workflows.browse.choice_run import ChoiceRun
from llmexam.workflows.browse.questions import (
    VERDICTS,
    Filter,
    count_marks,
    find_questions,
    neighbours,
    right_letters,
)

SORT_LABELS = {
    "exam": "Order of the exam",
    "rank": "Worst rank first",
    "margin": "Widest margin of mistakes first",
    "lead": "Least certain first",
}


def filter_of(given: QueryParams) -> Filter:
    """Return the filter that a query describes.

    Raises:
        SettingsError: It has an unknown mark or order.
    """
    by, _, value = query.text(given, "slice").partition(":")
    return Filter(
        text=query.text(given, "q"),
        passages=query.flag(given, "passages"),
        marks=query.texts(given, "mark"),
        by=by,
        value=value,
        right=query.text(given, "right"),
        chosen=query.text(given, "chosen"),
        shortest=query.number(given, "shortest", 0),
        longest=query.number(given, "longest", 0),
        sort=query.text(given, "sort") or "exam",
    )


def state_of(wanted: Filter, run: str) -> dict[str, object]:
    """Return the query of a filter."""
    return {
        "run": run,
        "q": wanted.text,
        "passages": wanted.passages,
        "mark": wanted.marks,
        "slice": f"{wanted.by}:{wanted.value}" if wanted.by else "",
        "right": wanted.right,
        "chosen": wanted.chosen,
        "shortest": wanted.shortest or None,
        "longest": wanted.longest or None,
        "sort": "" if wanted.sort == "exam" else wanted.sort,
    }


def list_values(run: ChoiceRun, id: str, wanted: Filter, number: int = 1) -> dict[str, Any]:
    """Return what the list of questions shows.

    Args:
        run: The run.
        id: Its id.
        wanted: Which questions.
        number: Number of the page.

    Raises:
        SettingsError: The run has no such property.
    """
    rows = find_questions(run, wanted)
    pages = Pages.of(len(rows), number)
    some = rows[pages.begin : pages.end]
    return {
        "run": id,
        "title": run.content.title or id,
        "n_all": count(len(run.content.exam)),
        "n_found": count(len(rows)),
        "pages": pages,
        "views": [run.questions.brief(row, in_full=True) for row in some],
        "marks": count_marks(run),
        "slices": run.slice_values,
        "letters": right_letters(run),
        "sorts": SORT_LABELS,
        "wanted": wanted,
        "state": state_of(wanted, id),
    }


def question_values(run: ChoiceRun, id: str, row: int, wanted: Filter) -> dict[str, Any]:
    """Return what the page of a question shows.

    Args:
        run: The run.
        id: Its id.
        row: The question, counted from 0.
        wanted: The list that it was reached by, for the next and the previous one.

    Raises:
        NotFoundError: There is no such question.
    """
    view = run.question(row)
    question = run.rows.question(row)
    rows = find_questions(run, wanted)
    previous, following = neighbours(rows, row)
    state = state_of(wanted, id)
    return {
        "run": id,
        "title": run.content.title or id,
        "view": view,
        "n_all": count(len(run.content.exam)),
        "place": rows.index(row) + 1 if row in rows else 0,
        "n_found": count(len(rows)),
        "previous": None if previous is None else previous + 1,
        "next": None if following is None else following + 1,
        "marks": [
            name for name in VERDICTS if name in ("truncated", "leaked") and _has(run, name, row)
        ],
        "metadata": dict(question.metadata),
        "passages": question.passages,
        "prompts": run.prompts(row),
        "state": state,
        "list_page": _page_of(rows, row),
    }


def _has(run: ChoiceRun, name: str, row: int) -> bool:
    return bool((run.truncated if name == "truncated" else run.leaked)[row])


def _page_of(rows: Sequence[int], row: int) -> int:
    return rows.index(row) // PER_PAGE + 1 if row in rows else 1


def question_json(run: ChoiceRun, row: int) -> dict[str, Any]:
    """Return a question as JSON values."""
    view = asdict(run.question(row))
    for option in view["options"]:
        del option["bar"]
    return view


def routes(browser: Browser) -> Sequence[BaseRoute]:
    """Return the routes of the pages."""

    def show_list(request: Request) -> Response:
        given = request.query_params
        id = query.text(given, "run")
        opened = browser.open(id)
        number = query.number(given, "page", 1, low=1)
        if opened.recovery is not None:
            found = rows_values(
                opened.recovery,
                id,
                text=query.text(given, "q"),
                mark=query.text(given, "mark"),
                sort=query.text(given, "sort") or "exam",
                number=number,
            )
            return page(request, "rows.html", tab="", **found)
        values = list_values(browser.runs.choice(browser.folder(id)), id, filter_of(given), number)
        return page(request, "question_list.html", tab="", **values)

    def show(request: Request) -> Response:
        given = request.query_params
        id, row = query.text(given, "run"), query.number(given, "n", 0) - 1
        opened = browser.open(id)
        if opened.recovery is not None:
            values = row_values(
                opened.recovery,
                id,
                row,
                text=query.text(given, "q"),
                mark=query.text(given, "mark"),
                sort=query.text(given, "sort") or "exam",
            )
            return page(request, "row.html", tab="", **values)
        run = browser.runs.choice(browser.folder(id))
        values = question_values(run, id, row, filter_of(given))
        return page(request, "question.html", tab="", **values)

    return [
        Route("/questions", show_list, methods=["GET"]),
        Route("/question", show, methods=["GET"]),
    ]
