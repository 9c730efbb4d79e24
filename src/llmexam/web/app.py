"""The application: pages and JSON API over a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmexam import __version__
from llmexam.errors import BusyError, LlmExamError, NotFoundError, TimeLimitError
from llmexam.web.api import api_page, api_router
from llmexam.web.assets import asset, media_type
from llmexam.web.headers import SecureHeaders
from llmexam.web.pages import compare, questions, run, runs, training
from llmexam.web.rendering import OWN_TABS, Tab, compile_templates
from llmexam.web.responses import problem
from llmexam.web.wording import error_text
from llmexam.workflows.browse.browser import Browser
from llmexam.workflows.browse.comparing import Comparer
from llmexam.workflows.browse.workspace import Workspace

_BAD_REQUEST = 400
_NOT_FOUND = 404
_STATUS = {NotFoundError: _NOT_FOUND, BusyError: 503, TimeLimitError: 504}


@dataclass(frozen=True)
class Page:
    """A further page.

    Attributes:
        tab: Its entry in the navigation, or None for none.
        routes: Its routes.
        api: Its part of the JSON API, under `/api`, if it has one.
    """

    tab: Tab | None = None
    routes: Sequence[BaseRoute] = ()
    api: APIRouter | None = None


def make_app(workspace: Workspace, pages: Sequence[Page] = ()) -> FastAPI:
    """Return the application over a workspace. It checks neither hosts nor tokens.

    Args:
        workspace: The folder of runs.
        pages: Further pages, such as those that answer questions.
    """
    compile_templates()
    browser = Browser(workspace)
    comparer = Comparer(browser)
    own = Page(
        routes=[
            *runs.routes(browser),
            *run.routes(browser),
            *training.routes(browser),
            *questions.routes(browser),
            *compare.routes(browser, comparer),
            *api_page(),
        ],
        api=api_router(browser, comparer),
    )
    app = app_of([own, *pages], tabs=OWN_TABS)
    app.state.browser = browser
    return app


def app_of(pages: Sequence[Page], *, tabs: Sequence[Tab] = ()) -> FastAPI:
    """Return an application of some pages, without those over a workspace.

    Args:
        pages: The pages.
        tabs: Entries of the navigation before those of the pages.
    """
    routes: list[BaseRoute] = [Route("/static/{name}", _static, methods=["GET"])]
    for one in pages:
        routes += one.routes
    app = FastAPI(
        title="llmexam",
        version=__version__,
        routes=routes,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        middleware=[Middleware(SecureHeaders)],
    )
    for one in pages:
        if one.api is not None:
            app.include_router(one.api, prefix="/api")
    app.state.tabs = (*tabs, *(one.tab for one in pages if one.tab is not None))
    app.add_exception_handler(LlmExamError, _llmexam_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    return app


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    try:
        text = asset(name)
    except KeyError:
        raise NotFoundError("there is no such file") from None
    return Response(text, media_type=media_type(name))


def _llmexam_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LlmExamError)
    # Pages may be shown to others, so they have no paths of this machine.
    answer = problem(request, error_text(error), status=status_of(error))
    if isinstance(error, BusyError):
        answer.headers["retry-after"] = "2"
    return answer


def status_of(error: LlmExamError) -> int:
    """Return the HTTP status of an error."""
    return next((code for kind, code in _STATUS.items() if isinstance(error, kind)), _BAD_REQUEST)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(request, str(error.detail), status=error.status_code)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(one) for one in first["loc"])
    return problem(request, f"{where}: {first['msg']}", status=_BAD_REQUEST)
