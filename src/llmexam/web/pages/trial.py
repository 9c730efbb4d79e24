"""The page "Try it": one question or one rewritten text, who answers it, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmexam.errors import BusyError, LlmExamError, NotFoundError, TimeLimitError
from llmexam.report.paths import without_folders
from llmexam.report.plots import bar
from llmexam.web.pages.trial_form import (
    Form,
    fields_of,
    last,
    recover_request,
    shown_fields,
    solve_request,
)
from llmexam.web.responses import not_a_form, page, read_form, redirect
from llmexam.workflows.trial.answers import RecoverAnswer, SolveAnswer
from llmexam.workflows.trial.jobs import Job
from llmexam.workflows.trial.requests import RecoverRequest
from llmexam.workflows.trial.trials import Trials

TAB = "try"
_UNPROCESSABLE = 422
_BUSY = 503
Task = Literal["solve", "recover"]


def routes(trials: Trials) -> list[BaseRoute]:
    """Return the routes of the page."""
    pages = _Pages(trials)
    return [
        Route("/try", pages.form, methods=["GET"]),
        Route("/try", pages.send, methods=["POST"]),
        Route("/try/{id}", pages.answer, methods=["GET"]),
    ]


class _Pages:
    """Handlers of the requests."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials

    def form(self, request: Request) -> Response:
        """Show the form; a query such as `?solver=lexical` fills it in."""
        task: Task = "recover" if request.query_params.get("task") == "recover" else "solve"
        values = {key: [value] for key, value in request.query_params.items()}
        return self._form(request, task, shown_fields(values))

    async def send(self, request: Request) -> Response:
        """Put what was sent into the queue, and go to its page."""
        form = await read_form(request)
        if form is None:
            return not_a_form(request, TAB)
        task: Task = "recover" if last(form, "task") == "recover" else "solve"
        try:
            job = await run_in_threadpool(self._submit, task, form)
        except LlmExamError as error:
            status = _BUSY if isinstance(error, BusyError | TimeLimitError) else _UNPROCESSABLE
            return await run_in_threadpool(
                self._form,
                request,
                task,
                shown_fields(form),
                problem=without_folders(str(error)),
                status=status,
            )
        return redirect(f"/try/{job.id}")

    def answer(self, request: Request) -> Response:
        """Show where a question stands, or its answer."""
        job = self._trials.job(request.path_params["id"])
        if job is None:
            raise NotFoundError("this answer is not kept any more", hint="Send the question again")
        state = self._trials.state_of(job)
        task: Task = "recover" if isinstance(job.request, RecoverRequest) else "solve"
        found = self._trials.result(job) if state.state == "done" else None
        return self._form(
            request,
            task,
            fields_of(job.request),
            problem=state.error,
            trial=state,
            answer=found,
            view=_view(found),
            status=200,
        )

    def _submit(self, task: Task, form: Form) -> Job:
        offers = self._trials.offers()
        if task == "recover":
            return self._trials.recover(recover_request(form, offers), is_polled=True)
        return self._trials.solve(solve_request(form, offers), is_polled=True)

    def _form(
        self,
        request: Request,
        task: Task,
        values: Mapping[str, str],
        *,
        problem: str = "",
        status: int = 200,
        **more: Any,
    ) -> Response:
        offers = self._trials.offers()
        ways = offers.of("multiple-choice" if task == "solve" else "prompt-recovery")
        kinds = {"solver": "Solvers", "recoverer": "Recoverers", "model": "Trained models"}
        groups = [
            (label, [one for one in ways if one.kind == kind])
            for kind, label in {**kinds, "plan": "Plans"}.items()
        ]
        shown = {"trial": None, "answer": None, "view": None, **more}
        return page(
            request,
            "try.html",
            status=status,
            tab=TAB,
            task=task,
            values=values,
            problem=problem,
            groups=[(label, found) for label, found in groups if found],
            indexes=offers.indexes,
            rewrites=offers.rewrites,
            queue=self._trials.state(),
            **shown,
        )


class OptionView(BaseModel):
    """An option as the page shows it.

    Attributes:
        letter: Its letter.
        text: Its text.
        percent: Its probability in words.
        bar: The probability as a drawing.
        reasons: Reasons by solver.
        is_answer: Whether it is the right one.
        score: Score, rounded.
    """

    letter: str
    text: str
    percent: str
    bar: Any
    reasons: dict[str, str]
    is_answer: bool
    score: str


def _view(answer: Any) -> dict[str, Any] | None:
    """Return what the template shows beside the answer itself."""
    if isinstance(answer, SolveAnswer):
        ranked = sorted(answer.options, key=lambda one: one.rank)
        right = [part.strip() for part in answer.answer.split(",") if part.strip()]
        is_tied = len({one.score for one in ranked}) == 1
        return {
            "options": [
                OptionView(
                    letter=one.letter,
                    text=one.text,
                    percent=f"{100 * one.probability:.1f} %",
                    bar=bar(one.probability, f"Probability {100 * one.probability:.1f} %"),
                    reasons=one.reasons,
                    is_answer=one.letter in right,
                    score=f"{one.score:.4g}",
                )
                for one in ranked
            ],
            "is_tied": is_tied,
            "is_right": ranked[0].letter in right if right and not is_tied else None,
        }
    if isinstance(answer, RecoverAnswer):
        return {}
    return None
