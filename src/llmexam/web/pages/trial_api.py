"""The part of the JSON API that answers one question or one rewritten text."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from llmexam.errors import NotFoundError
from llmexam.workflows.trial.answers import RecoverAnswer, SolveAnswer
from llmexam.workflows.trial.jobs import Job, too_late
from llmexam.workflows.trial.requests import RecoverRequest, SolveRequest
from llmexam.workflows.trial.trials import QueueState, Trials, TrialState

_CLIENT_GONE = 499


def trial_api(trials: Trials) -> APIRouter:
    """Return the routes under `/api`."""
    router = APIRouter(tags=["Try it"])

    @router.post("/solve", response_model=SolveAnswer)
    async def solve(body: SolveRequest, request: Request) -> Response:
        """Return the ranking of one question's options, with evidence, reasons and times."""
        if trials.is_quick(body):
            job = trials.solve(body)
        else:
            job = await run_in_threadpool(trials.solve, body)
        return await _answer(trials, job, request)

    @router.post("/recover", response_model=RecoverAnswer)
    async def recover(body: RecoverRequest, request: Request) -> Response:
        """Return the prompt that turned one text into another."""
        job = await run_in_threadpool(trials.recover, body)
        return await _answer(trials, job, request)

    @router.get("/queue")
    def queue() -> QueueState:
        """Return the length of the queue, and what is loaded."""
        return trials.state()

    @router.get("/offers")
    def offers() -> dict[str, Any]:
        """Return the solvers, recoverers, models, plans and indexes that can be chosen."""
        return trials.offers().as_dict()

    @router.get("/trials/{trial_id}")
    def trial(trial_id: str) -> TrialState:
        """Return where a question of the page stands."""
        job = trials.job(trial_id)
        if job is None:
            raise NotFoundError("this answer is not kept any more", hint="Send the question again")
        return trials.state_of(job)

    return router


async def _answer(trials: Trials, job: Job, request: Request) -> Response:
    """Wait for an answer; a client that goes away takes its question out of the queue."""
    waiting = asyncio.wrap_future(job.future)
    gone = asyncio.create_task(_until_gone(request))
    try:
        done, _ = await asyncio.wait(
            {waiting, gone},
            timeout=trials.limits.seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if waiting in done:
            waiting.result()
            # As JSON at once: fastapi would check all parts of the answer again.
            text = trials.result(job).model_dump_json()
            return Response(text, media_type="application/json")
        trials.drop(job)
        if gone in done:
            return Response(status_code=_CLIENT_GONE)
        raise too_late(trials.limits.seconds)
    finally:
        gone.cancel()


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
