"""Handlers of the labelling page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmexam.authoring.labelling.desk import Desk
from llmexam.authoring.labelling.export import accepted_exam
from llmexam.authoring.labelling.session import Session, check_labeller
from llmexam.errors import ExamError, LlmExamError, NotFoundError, SettingsError
from llmexam.exam.writers import write_exam
from llmexam.web.label.forms import Draft, Form, index_in, last
from llmexam.web.label.sets import LabelSet, LabelSets
from llmexam.web.label.view import agreement_view, done_view, question_view
from llmexam.web.responses import not_a_form, page, read_form, redirect
from llmexam.web.wording import error_text

TAB = "label"
_UNPROCESSABLE = 422
_MONTH = 30 * 24 * 3600
_FORM = "application/x-www-form-urlencoded"


def routes(sets: LabelSets, labeller: str | None = None) -> list[BaseRoute]:
    """Return the routes of the page.

    Args:
        sets: The question sets.
        labeller: Who labels; None lets everybody enter a name, which a cookie keeps.
    """
    pages = _Pages(sets, labeller)
    place = "/label/{key}/q/{place:int}"
    return [
        Route("/label", pages.start, methods=["GET"]),
        Route("/label/name", pages.name, methods=["POST"]),
        Route("/label/{key}", pages.open, methods=["GET"]),
        Route("/label/{key}/agreement", pages.agreement, methods=["GET"]),
        Route("/label/{key}/accepted.jsonl", pages.accepted, methods=["GET"]),
        Route(place, pages.question, methods=["GET"]),
        Route(f"{place}/answer", pages.answer, methods=["POST"]),
        Route(f"{place}/decide", pages.decide, methods=["POST"]),
    ]


class _Pages:
    """Handlers of the requests."""

    def __init__(self, sets: LabelSets, labeller: str | None) -> None:
        self._sets = sets
        self._labeller = labeller

    def start(self, request: Request) -> Response:
        """Show the question sets, and who labels."""
        return self._start(request)

    async def name(self, request: Request) -> Response:
        """Keep the name of a labeller in a cookie."""
        form = await _read(request)
        if form is None:
            return not_a_form(request, TAB)
        key = last(form, "key")
        try:
            name = check_labeller(last(form, "labeller"))
        except SettingsError as error:
            return await run_in_threadpool(
                self._start, request, key=key, problem=error.message, status=_UNPROCESSABLE
            )
        known = {one.key for one in await run_in_threadpool(self._sets.all)}
        answer = redirect(f"/label/{key}" if key in known else "/label")
        answer.set_cookie(
            _cookie(request),
            quote(name, safe=""),
            max_age=_MONTH,
            httponly=True,
            samesite="strict",
        )
        return answer

    def open(self, request: Request) -> Response:
        """Go to the next question without a decision, or show that there is none."""
        found = self._set(request)
        name = self._name(request)
        if name is None:
            return self._start(request, key=found.key)
        session = self._sets.desk(found).session(name)
        place = session.next_place()
        if place is not None:
            return redirect(f"/label/{found.key}/q/{place}")
        return self._page(request, "label_done.html", found, **done_view(session))

    def question(self, request: Request) -> Response:
        """Show a question."""
        found, name = self._set(request), self._name(request)
        if name is None:
            return self._start(request, key=found.key)
        desk = self._sets.desk(found)
        place = _place(request, desk)
        return self._question(request, found, desk, desk.session(name), place)

    async def answer(self, request: Request) -> Response:
        """Record a blind answer, and show the key."""
        form = await _read(request)
        if form is None:
            return not_a_form(request, TAB)
        return await run_in_threadpool(self._record, request, form, self._answer)

    async def decide(self, request: Request) -> Response:
        """Record a decision, and go to the next question."""
        form = await _read(request)
        if form is None:
            return not_a_form(request, TAB)
        return await run_in_threadpool(self._record, request, form, self._decide)

    def agreement(self, request: Request) -> Response:
        """Show the agreement of all labellers."""
        found = self._set(request)
        usable = request.query_params.get("usable") == "1"
        view = agreement_view(self._sets.desk(found), self._name(request), usable=usable)
        return self._page(request, "label_agreement.html", found, **view)

    def accepted(self, request: Request) -> Response:
        """Send the questions that most labellers accepted or corrected."""
        desk = self._sets.desk(self._set(request))
        exam = accepted_exam(desk.exam, desk.decided().labels)
        if not len(exam):
            raise ExamError("no question is accepted yet", hint="Decide on some questions")
        with TemporaryDirectory(prefix="llmexam-") as folder:
            path = Path(folder) / "accepted.jsonl"
            write_exam(path, exam, format="jsonl")
            headers = {"content-disposition": 'attachment; filename="accepted.jsonl"'}
            return Response(path.read_bytes(), media_type="application/jsonl", headers=headers)

    def _record(
        self,
        request: Request,
        form: Form,
        record: Callable[[Session, int, Form], str],
    ) -> Response:
        found, name = self._set(request), self._name(request)
        if name is None:
            return self._start(request, key=found.key)
        desk = self._sets.desk(found)
        place = _place(request, desk)
        try:
            with desk.writing(name) as session:
                location = record(session, place, form)
        except LlmExamError as error:
            draft = None
            if record == self._decide:
                draft = Draft.from_form(form, desk.exam[place])
            return self._question(
                request,
                found,
                desk,
                desk.session(name, read=False),
                place,
                draft=draft,
                problem=error.message,
                status=_UNPROCESSABLE,
            )
        return redirect(f"/label/{found.key}{location}")

    def _answer(self, session: Session, place: int, form: Form) -> str:
        choice = index_in(form, "choice")
        if choice is None:
            raise ExamError("Choose an option first.")
        session.answer(place, choice)
        return f"/q/{place}"

    def _decide(self, session: Session, place: int, form: Form) -> str:
        if session.hides_key(place):
            return f"/q/{place}"
        question = session.exam[place]
        draft = Draft.from_form(form, question)
        session.decide(place, draft.fields(last(form, "decision"), question))
        following = session.next_place(place)
        return "" if following is None else f"/q/{following}"

    def _question(
        self,
        request: Request,
        found: LabelSet,
        desk: Desk,
        session: Session,
        place: int,
        *,
        draft: Draft | None = None,
        problem: str = "",
        status: int = 200,
    ) -> Response:
        view = question_view(desk, session, place, draft=draft, problem=problem)
        return self._page(request, "label_question.html", found, status=status, **view)

    def _start(
        self, request: Request, *, key: str = "", problem: str = "", status: int = 200
    ) -> Response:
        name = self._name(request)
        listed = [self._listed(one) for one in self._sets.all()]
        return page(
            request,
            "label_start.html",
            status=status,
            tab=TAB,
            sets=listed,
            labeller=name or "",
            can_change=self._labeller is None,
            key=key,
            problem=problem,
        )

    def _listed(self, found: LabelSet) -> dict[str, object]:
        """Return what the list shows of a set: reading all of them would take time and memory."""
        values: dict[str, object] = {
            "set": found,
            "n": None,
            "counts": {},
            "has_labels": found.labels.is_file(),
            "error": "",
        }
        try:
            desk = self._sets.opened(found)
            if desk is not None:
                values.update(n=len(desk.exam), counts=desk.counts())
        except LlmExamError as error:
            values["error"] = error_text(error)
        return values

    def _page(
        self, request: Request, template: str, found: LabelSet, *, status: int = 200, **view: object
    ) -> Response:
        values = {"labeller": self._name(request) or "", "problem": "", **view}
        return page(
            request,
            template,
            status=status,
            tab=TAB,
            found=found,
            root=f"label/{found.key}",
            can_change=self._labeller is None,
            **values,
        )

    def _set(self, request: Request) -> LabelSet:
        return self._sets.find(request.path_params["key"])

    def _name(self, request: Request) -> str | None:
        if self._labeller is not None:
            return self._labeller
        try:
            return check_labeller(unquote(request.cookies.get(_cookie(request), "")))
        except SettingsError:
            return None


def _place(request: Request, desk: Desk) -> int:
    place = int(request.path_params["place"])
    if not 0 <= place < len(desk.exam):
        raise NotFoundError("there is no such question", hint="Go to the next one")
    return place


def _cookie(request: Request) -> str:
    # Cookies are shared by all ports of a host.
    return f"llmexam-labeller-{request.url.port or 80}"


async def _read(request: Request) -> Form | None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return await read_form(request) if kind == _FORM else None
