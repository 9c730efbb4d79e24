"""The server of the labelling page, on the loopback address only."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from llmexam.authoring.labelling.guard import MAX_BODY, App, Guard
from llmexam.authoring.labelling.labels import Mended
from llmexam.authoring.labelling.page import (
    Draft,
    content_policy,
    render_done,
    render_question,
)
from llmexam.authoring.labelling.session import Session
from llmexam.errors import ExamError, MissingDependencyError, SettingsError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
_MAX_FIELDS = 120
_UNPROCESSABLE = 422


def new_token() -> str:
    """Return a random token for the address of the page."""
    return secrets.token_urlsafe(24)


def make_app(session: Session, *, port: int, token: str) -> App:
    """Return the application that serves a session.

    Args:
        session: The session.
        port: Port of the server, which is part of the permitted host names.
        token: Secret token that the first address must have.

    Raises:
        MissingDependencyError: fastapi is not installed.
    """
    try:
        from fastapi import FastAPI
        from starlette.routing import BaseRoute, Route
    except ModuleNotFoundError as error:
        raise MissingDependencyError("the labelling page", error.name or "", "serve") from None
    pages = _Pages(session)
    routes: list[BaseRoute] = [
        Route("/", pages.start, methods=["GET"]),
        Route("/q/{place:int}", pages.question, methods=["GET"]),
        Route("/q/{place:int}/answer", pages.answer, methods=["POST"]),
        Route("/q/{place:int}/decide", pages.decide, methods=["POST"]),
    ]
    app = FastAPI(routes=routes, docs_url=None, redoc_url=None, openapi_url=None)
    return Guard(app, port=port, token=token, policy=content_policy())


def serve(session: Session, *, port: int = 0, tell: Callable[[str], None]) -> None:
    """Serve a session until it is interrupted.

    Args:
        session: The session.
        port: Port to listen on; 0 takes a free one.
        tell: Called with the address of the page, which has the token.

    Raises:
        MissingDependencyError: fastapi or uvicorn is not installed.
        SettingsError: The port is in use.
    """
    try:
        import uvicorn
    except ModuleNotFoundError as error:
        raise MissingDependencyError("the labelling page", error.name or "", "serve") from None
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            # At once, so that the address works as soon as it is shown.
            listener.listen()
        except (OSError, OverflowError) as error:
            raise SettingsError(
                f"cannot listen on port {port}: {getattr(error, 'strerror', None) or error}",
                field="port",
                hint="Give another --port, or leave it out",
            ) from None
        port = listener.getsockname()[1]
        token = new_token()
        app = make_app(session, port=port, token=token)
        # Access logs would contain the token.
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
        )
        tell(f"http://{HOST}:{port}/?token={token}")
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:
            return


class _Pages:
    """Handlers of the requests."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def start(self, request: Request) -> Response:
        """Go to the next question without a decision, or show that there is none."""
        place = self._session.next_place()
        if place is None:
            return _page(render_done(self._session))
        return _redirect(place)

    async def question(self, request: Request) -> Response:
        """Show a question."""
        place = self._place(request)
        if place is None:
            return _page("There is no such question.", 404)
        return _page(render_question(self._session, place))

    async def answer(self, request: Request) -> Response:
        """Record a blind answer, and show the key."""
        place, form = self._place(request), await _form(request)
        if place is None or form is None:
            return _page("Expected a question and a short form.", 400)
        choice = _index(form, "choice")
        if choice is None:
            problem = "Choose an option first."
            return _page(render_question(self._session, place, problem=problem), _UNPROCESSABLE)
        try:
            self._session.answer(place, choice)
        except ExamError as error:
            page = render_question(self._session, place, problem=error.message)
            return _page(page, _UNPROCESSABLE)
        return _redirect(place)

    async def decide(self, request: Request) -> Response:
        """Record a decision, and go to the next question."""
        place, form = self._place(request), await _form(request)
        if place is None or form is None:
            return _page("Expected a question and a short form.", 400)
        question = self._session.exam[place]
        if self._session.hides_key(place):
            return _redirect(place)
        draft = Draft(
            prompt=_last(form, "prompt"),
            options=tuple(_last(form, f"option-{i}") for i in range(len(question.options))),
            answer=_index(form, "answer"),
            reasons=tuple(form.get("reason", ())),
            note=_last(form, "note"),
        )
        try:
            self._session.decide(
                place, _label_fields(draft, _last(form, "decision"), draft.changes(question))
            )
        except (ExamError, ValueError) as error:
            problem = error.message if isinstance(error, ExamError) else _first_message(error)
            page = render_question(self._session, place, draft=draft, problem=problem)
            return _page(page, _UNPROCESSABLE)
        following = self._session.next_place(place)
        return _redirect(following)

    def _place(self, request: Request) -> int | None:
        place = int(request.path_params["place"])
        return place if 0 <= place < len(self._session.exam) else None


def _label_fields(draft: Draft, decision: str, is_changed: bool) -> dict[str, Any]:
    """Return the fields of a decision.

    Raises:
        ExamError: The decision does not fit what was entered.
    """
    if is_changed and decision != "mend":
        raise ExamError(
            "The text was changed: save the correction, or reload the page to undo the changes."
        )
    if decision == "mend" and not is_changed:
        raise ExamError("Nothing was changed: accept the question, or correct it first.")
    if decision != "reject" and draft.reasons:
        raise ExamError("Reasons to reject are chosen: reject the question, or clear them.")
    fields: dict[str, Any] = {"decision": decision, "note": draft.note}
    if decision == "reject":
        fields["reasons"] = draft.reasons
    if decision == "mend":
        if draft.answer is None:
            raise ExamError("Choose which option is right.")
        fields["mended"] = Mended(
            prompt=draft.prompt.strip(),
            options=tuple(option.strip() for option in draft.options),
            answer=draft.answer,
        )
    return fields


def _first_message(error: ValueError) -> str:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return error.errors()[0]["msg"].removeprefix("Value error, ")
    return str(error)


async def _form(request: Request) -> dict[str, list[str]] | None:
    """Return the fields of an URL-encoded form, or None if it is too large or is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return None
    body = b""
    async for part in request.stream():
        body += part
        # The length in the header may be missing.
        if len(body) > MAX_BODY:
            return None
    try:
        return parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return None


def _last(form: dict[str, list[str]], name: str) -> str:
    return form.get(name, [""])[-1].replace("\r\n", "\n")


def _index(form: dict[str, list[str]], name: str) -> int | None:
    text = _last(form, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else None


def _page(text: str, status: int = 200) -> Response:
    from starlette.responses import HTMLResponse

    return HTMLResponse(text.encode("utf-8", "replace"), status)


def _redirect(place: int | None) -> Response:
    from starlette.responses import RedirectResponse

    return RedirectResponse("/" if place is None else f"/q/{place}", status_code=303)
