"""A training: grades, curves and findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmexam.errors import RunError
from llmexam.report.paths import command_without_folders, without_folders
from llmexam.report.training_curves import curve_charts
from llmexam.report.training_tables import GRADE_HEADS, grade_rows, seed_rows, split_rows
from llmexam.training.curve_file import CURVE_FILE, read_curve
from llmexam.web import query
from llmexam.web.pages.runs import progress_values
from llmexam.web.responses import page
from llmexam.workflows.browse.browser import Browser
from llmexam.workflows.browse.entry import read_values

_MOST_CURVES = 20


def training_values(browser: Browser, id: str) -> dict[str, Any]:
    """Return what the page of a training shows.

    Raises:
        NotFoundError: There is no such training.
        RunError: Its results are damaged.
    """
    folder = browser.folder(id)
    entry = browser.entry(id)
    curves = {}
    for path in sorted(folder.glob(f"*/{CURVE_FILE}"))[:_MOST_CURVES]:
        if not path.is_symlink() and (drawn := curve_charts(read_curve(path.parent))):
            curves[path.parent.name] = drawn
    values: dict[str, Any] = {
        "run": id,
        "entry": entry,
        "curves": curves,
        "tables": [],
        "findings": [],
        "notes": [],
        "provenance": [],
        "command": "",
        "progress": progress_values(browser, entry) if entry.state != "finished" else None,
        "has_report": (folder / "training.html").is_file(),
    }
    if entry.problem:
        raise RunError(entry.problem, field=id)
    if not (folder / "results.json").is_file():
        return values
    try:
        return {**values, **_results(read_values(folder / "results.json"))}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"results.json is damaged ({type(error).__name__})", field=id) from None


def _results(results: dict[str, Any]) -> dict[str, Any]:
    metric = results["metric"]["label"]
    rows, seeds = grade_rows(results), seed_rows(results)
    over = results.get("over_splits")
    tables = [(metric, [list(GRADE_HEADS), *rows])] if rows else []
    tables += [(f"{metric} over seeds", seeds)] if seeds else []
    tables += [
        (f"Each split: {n}", split_rows(results, n)) for n in (over["exams"] if over else ())
    ]
    notes = [] if over else [note for notes in results["notes"].values() for note in notes]
    return {
        "tables": tables,
        "findings": [finding["message"] for finding in results["findings"]],
        "notes": notes,
        "provenance": [
            (without_folders(str(label)), without_folders(str(text)))
            for label, text in results["provenance"].items()
        ],
        "command": command_without_folders(str(results["command"])),
        "explanation": results["metric"]["explanation"],
    }


def routes(browser: Browser) -> Sequence[BaseRoute]:
    """Return the routes of the page."""

    def show(request: Request) -> Response:
        id = query.text(request.query_params, "run")
        return page(request, "training_site.html", tab="", **training_values(browser, id))

    return [Route("/training", show, methods=["GET"])]
