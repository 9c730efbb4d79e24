"""A finished run: the sections of its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from llmexam.errors import NotFoundError
from llmexam.report.formats import clip
from llmexam.report.paths import without_folders
from llmexam.web import query
from llmexam.web.links import Links
from llmexam.web.rendering import SERVED, render_section
from llmexam.web.responses import page, redirect
from llmexam.workflows.browse.browser import Browser
from llmexam.workflows.browse.entry import RUN
from llmexam.workflows.browse.opened import OpenedRun

_TITLE = 200
REPORTS = ("report.html", "training.html")
_MOST_BYTES = 200_000_000
# The report is a page of a file that may come from elsewhere: it runs with its own script, but as
# if it were of no origin, so that it can read nothing of this server.
_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def run_values(opened: OpenedRun, id: str, links: Links = SERVED) -> dict[str, Any]:
    """Return what the page of a finished run shows.

    Args:
        opened: The run.
        id: Its id.
        links: The addresses of other pages.
    """
    views = opened.sections()
    sections = [
        (section, render_section(section, view, links=links, run=id)) for section, view in views
    ]
    return {
        "run": id,
        "title": clip(opened.content.title, _TITLE) or id,
        "sections": [(one.name, one.label, Markup(text)) for one, text in sections],
        "has_items": opened.choice is not None or opened.recovery is not None,
        "noun": f"{opened.content.noun.capitalize()}s",
        "problem": without_folders(opened.problem),
    }


def report_of(browser: Browser, id: str) -> str:
    """Return the report of a run or training, a page of its own.

    Raises:
        NotFoundError: There is none.
    """
    folder = browser.folder(id)
    for name in REPORTS:
        path = folder / name
        if path.is_file() and not path.is_symlink() and path.stat().st_size < _MOST_BYTES:
            return path.read_text(encoding="utf-8", errors="replace")
    raise NotFoundError("there is no report of this run", field=id)


def routes(browser: Browser) -> Sequence[BaseRoute]:
    """Return the routes of the page."""

    def show(request: Request) -> Response:
        id = query.text(request.query_params, "run")
        if browser.is_training(id):
            return redirect(SERVED.page("training", {"run": id}))
        if not (browser.folder(id) / RUN).is_file():
            entry = browser.entry(id)
            return page(request, "unfinished.html", tab="", entry=entry, run=id)
        return page(request, "run.html", tab="", **run_values(browser.open(id), id))

    def report(request: Request) -> Response:
        text = report_of(browser, query.text(request.query_params, "run"))
        return HTMLResponse(text, headers={"content-security-policy": _REPORT_POLICY})

    return [
        Route("/run", show, methods=["GET"]),
        Route("/report", report, methods=["GET"]),
    ]
