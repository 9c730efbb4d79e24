"""The labelling page by itself, for one person and one question set: `llmexam author label`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from llmexam.authoring.labelling.session import Session
from llmexam.web.access import LOOPBACK, Access, new_token
from llmexam.web.app import Page, app_of
from llmexam.web.guard import guarded
from llmexam.web.headers import App
from llmexam.web.label.pages import TAB, routes
from llmexam.web.label.sets import LabelSet, LabelSets
from llmexam.web.rendering import Tab
from llmexam.web.server import listening, make_server, run

COMMAND = "llmexam author label"


def label_app(session: Session, *, port: int, token: str) -> App:
    """Return the application that serves the questions of a session to its labeller.

    Args:
        session: The session.
        port: Port of the server, which is part of the permitted host names.
        token: Secret token that the first address must have.
    """
    source = Path(session.exam.source or "questions.jsonl")
    found = LabelSet(source.name, source, session.labels_path, session.blind)
    sets = LabelSets.of_exam(found, session.exam)

    def start(request: Request) -> Response:
        return RedirectResponse(f"/label/{found.key}", 303)

    page = Page(
        tab=Tab("Label", TAB),
        routes=[Route("/", start, methods=["GET"]), *routes(sets, session.labeller)],
    )
    return guarded(app_of([page]), Access(port=port, token=token, command=COMMAND))


def serve_session(session: Session, *, port: int = 0, tell: Callable[[str], None]) -> None:
    """Serve a session on the loopback address until it is interrupted.

    Args:
        session: The session.
        port: Port to listen on; 0 takes a free one.
        tell: Called with the address of the page, which has the token.

    Raises:
        SettingsError: The port is in use.
    """
    with listening(LOOPBACK, port) as listener:
        chosen = listener.getsockname()[1]
        token = new_token()
        server = make_server(label_app(session, port=chosen, token=token))
        tell(f"http://{LOOPBACK}:{chosen}/?token={token}")
        run(server, listener)
