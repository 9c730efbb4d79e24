"""`llmexam serve`: all pages over a folder, behind a guard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from llmexam.errors import ExamError, SettingsError
from llmexam.machine import is_loopback
from llmexam.web.access import (
    LOOPBACK,
    TOKEN_VARIABLE,
    Access,
    check_names,
    given_token,
    new_token,
)
from llmexam.web.app import Page, make_app
from llmexam.web.guard import Limits, guarded
from llmexam.web.headers import App
from llmexam.web.label import pages as label_pages
from llmexam.web.label.sets import LabelSet, LabelSets
from llmexam.web.pages import trial
from llmexam.web.pages.trial_api import trial_api
from llmexam.web.rendering import Tab
from llmexam.web.server import listening, make_server, run
from llmexam.workflows.browse.workspace import Workspace
from llmexam.workflows.trial.jobs import QueueLimits
from llmexam.workflows.trial.trials import Trials

# Answering an error page takes no question's place.
_SPARE_REQUESTS = 16
_CONNECTIONS_PER_CLIENT = 4


@dataclass(frozen=True)
class ServeOptions:
    """How a folder is served.

    Attributes:
        host: Address to listen on.
        port: Port; 0 takes a free one.
        token_file: File with the token; None takes it from the environment, or makes one.
        allow_hosts: Further host names, such as that of a proxy.
        label: Question sets that are labelled, beside those of the folder.
        labels: Files of their labels, in the same order; None for a file beside each.
        blind: Whether labellers answer a question before its key is shown.
        time_limit: Time in which a request must be answered, in seconds.
        max_clients: Requests that are answered at the same time.
        max_queue: Questions that may wait.
        max_loaded: Solvers and recoverers that stay loaded.
    """

    host: str = LOOPBACK
    port: int = 0
    token_file: Path | None = None
    allow_hosts: tuple[str, ...] = ()
    label: tuple[Path, ...] = ()
    labels: tuple[Path, ...] = ()
    blind: bool = False
    time_limit: float = 120.0
    max_clients: int = 100
    max_queue: int = 100
    max_loaded: int = 4


@dataclass(frozen=True)
class Site:
    """The application of all pages, and what answers questions in it.

    Attributes:
        app: The application, without a guard.
        trials: What answers questions.
        sets: The question sets that can be labelled.
    """

    app: App
    trials: Trials = field(repr=False)
    sets: LabelSets = field(repr=False)


def make_site(workspace: Workspace, options: ServeOptions) -> Site:
    """Return the application of all pages over a folder.

    Raises:
        SettingsError: The options do not fit together.
        ExamError: A question set or its labels cannot be read.
    """
    trials = Trials(
        workspace,
        limits=QueueLimits(length=options.max_queue, seconds=options.time_limit),
        most_loaded=options.max_loaded,
    )
    given = _label_sets(options)
    sets = LabelSets(given, workspace, blind=options.blind)
    for one in given:
        # A wrong file should be told before the server starts.
        sets.desk(one)
    pages = [
        Page(Tab("Try it", trial.TAB), trial.routes(trials), trial_api(trials)),
        Page(Tab("Label", label_pages.TAB), label_pages.routes(sets)),
    ]
    return Site(make_app(workspace, pages), trials, sets)


def serve(workspace: Workspace, options: ServeOptions, *, tell: Callable[[str], None]) -> None:
    """Serve the pages over a folder until Ctrl-C or SIGTERM.

    Args:
        workspace: The folder.
        options: How it is served.
        tell: Called with lines for the user: the address, and warnings.

    Raises:
        SettingsError: An option is wrong, or the port is in use.
        ExamError: A question set or its labels cannot be read.
    """
    given = given_token(options.token_file)
    names = check_names(options.allow_hosts)
    site = make_site(workspace, options)
    with listening(options.host, options.port) as listener:
        port = listener.getsockname()[1]
        token = given or new_token()
        access = Access(port=port, token=token, host=options.host, names=names)
        limits = Limits(
            seconds=options.time_limit + 5, requests=options.max_clients + _SPARE_REQUESTS
        )
        server = make_server(
            guarded(site.app, access, limits),
            max_connections=_CONNECTIONS_PER_CLIENT * options.max_clients + _SPARE_REQUESTS,
            on_stop=site.trials.close,
        )
        for line in _lines(options, access, is_given=given is not None):
            tell(line)
        run(server, listener)


def _label_sets(options: ServeOptions) -> Sequence[LabelSet]:
    if options.labels and len(options.labels) != len(options.label):
        raise SettingsError(
            f"expected one --labels file for each --label, got {len(options.labels)} for "
            f"{len(options.label)}",
            field="labels",
            hint="Give --label QUESTIONS --labels FILE, repeated if needed",
        )
    for path in options.label:
        if not path.is_file():
            raise ExamError("file not found", file=path, field="label")
    files = options.labels or [
        path.with_name(f"{path.stem}.labels.jsonl") for path in options.label
    ]
    return [
        # Pages show no paths of this machine.
        LabelSet(questions.name, questions, labels, options.blind)
        for questions, labels in zip(options.label, files, strict=True)
    ]


def _lines(options: ServeOptions, access: Access, *, is_given: bool) -> list[str]:
    """Return what the user is told; a token that the user gave is not shown."""
    name = options.host if options.host not in ("0.0.0.0", "::", "") else "127.0.0.1"
    address = f"http://{f'[{name}]' if ':' in name else name}:{access.port}/"
    lines = [f"open {address}" if is_given else f"open {address}?token={access.token}"]
    if is_given:
        lines.append("append ?token=YOUR_TOKEN to this address the first time")
    if not is_loopback(options.host):
        lines.append(
            "warning: other machines can connect, and the token and all pages are sent "
            "unencrypted; put a proxy with TLS in front of it"
        )
        if not is_given:
            lines.append(f"set {TOKEN_VARIABLE} or --token-file for a token that stays the same")
    return [*lines, "end with Ctrl-C"]
