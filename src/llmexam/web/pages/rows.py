"""The rows of a run on prompt recovery: search, filters, and one row in full."""

from __future__ import annotations

from typing import Any

from llmexam.report.formats import count
from llmexam.web.pages.paging import Pages
from llmexam.workflows.browse.questions import neighbours
from llmexam.workflows.browse.recovery_run import RecoveryRun

MARK_LABELS = {
    "high": "0.5 and more",
    "low": "below 0.5",
    "gamed": "gamed (score raised by meaningless tokens)",
}
SORT_LABELS = {"exam": "Order of the exam", "worst": "Lowest score first", "best": "Highest first"}


def rows_values(
    run: RecoveryRun,
    id: str,
    *,
    text: str = "",
    mark: str = "",
    sort: str = "exam",
    number: int = 1,
) -> dict[str, Any]:
    """Return what the list of rows shows.

    Args:
        run: The run.
        id: Its id.
        text: Words to search for.
        mark: A mark of rows.
        sort: An order.
        number: Number of the page.

    Raises:
        SettingsError: There is no such mark or order.
    """
    rows = run.find(text, mark, sort)
    pages = Pages.of(len(rows), number)
    return {
        "run": id,
        "title": run.content.title or id,
        "n_all": count(len(run.exam)),
        "n_found": count(len(rows)),
        "pages": pages,
        "views": [run.row(row) for row in rows[pages.begin : pages.end]],
        "marks": MARK_LABELS if run.final.rows is not None else {},
        "sorts": SORT_LABELS,
        "state": _state(id, text, mark, sort),
    }


def row_values(
    run: RecoveryRun, id: str, row: int, *, text: str = "", mark: str = "", sort: str = "exam"
) -> dict[str, Any]:
    """Return what the page of a row shows.

    Args:
        run: The run.
        id: Its id.
        row: The row, counted from 0.
        text: The list that it was reached by.
        mark: Likewise.
        sort: Likewise.

    Raises:
        NotFoundError: There is no such row.
    """
    view = run.row(row)
    rows = run.find(text, mark, sort)
    previous, following = neighbours(rows, row)
    return {
        "run": id,
        "title": run.content.title or id,
        "row": view,
        "n_all": count(len(run.exam)),
        "previous": None if previous is None else previous + 1,
        "next": None if following is None else following + 1,
        "state": _state(id, text, mark, sort),
    }


def _state(id: str, text: str, mark: str, sort: str) -> dict[str, object]:
    return {"run": id, "q": text, "mark": mark, "sort": "" if sort == "exam" else sort}
