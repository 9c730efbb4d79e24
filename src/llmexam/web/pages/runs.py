"""The list of runs."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmexam.web.responses import page
from llmexam.workflows.browse.workspace import Workspace


def routes(workspace: Workspace) -> Sequence[BaseRoute]:
    """Return the routes of the page."""

    def show(request: Request) -> Response:
        return page(request, "runs.html", tab="", workspace=workspace)

    return [Route("/", show, methods=["GET"])]
