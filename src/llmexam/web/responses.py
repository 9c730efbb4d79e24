"""Answers of the server: pages, redirections and errors."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from llmexam.web.rendering import render

MAX_FORM = 256 * 1024
"""Largest form, in bytes; the guard of the server stops larger bodies earlier."""
_MAX_FIELDS = 200


def page(
    request: Request, template: str, *, status: int = 200, tab: str | None = None, **values: Any
) -> HTMLResponse:
    """Return a page of the application that a request came to."""
    tabs = request.app.state.tabs
    return HTMLResponse(render(template, tabs=tabs, tab=tab, **values), status)


def redirect(location: str) -> Response:
    """Return a redirection after a form, which a reload does not send again."""
    return RedirectResponse(location, 303)


def problem(request: Request, message: str, *, status: int, hint: str = "") -> Response:
    """Return an error as a page, or as JSON under `/api`."""
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": message, "hint": hint}, status)
    return page(request, "problem.html", status=status, message=message, hint=hint)


def not_a_form(request: Request, tab: str) -> Response:
    """Return the error for a body that `read_form` did not read."""
    message = f"Expected the form of this page, with at most {MAX_FORM // 1024} KB."
    return page(request, "problem.html", status=400, tab=tab, message=message, hint="")


async def read_form(request: Request) -> dict[str, list[str]] | None:
    """Return the fields of a URL-encoded form, or None if it is none or too large."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM:
            return None
    try:
        return parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return None
