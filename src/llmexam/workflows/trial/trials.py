"""Trying one question or one rewritten text: what a page and a program ask, and what they get."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from llmexam.errors import LlmExamError, SettingsError, nearest
from llmexam.recovery.rewrites import Rewrite
from llmexam.report.paths import without_folders
from llmexam.sample import BUNDLED
from llmexam.solvers.registry import solver_class
from llmexam.storage.hashing import hash_json
from llmexam.workflows.browse.workspace import Workspace
from llmexam.workflows.trial.answers import RecoverAnswer, SolveAnswer
from llmexam.workflows.trial.jobs import Job, JobQueue, QueueLimits, too_late
from llmexam.workflows.trial.loaded import Loaded, LoadedModel
from llmexam.workflows.trial.offers import SAFE_SOLVERS, Offers, find_offers
from llmexam.workflows.trial.preparing import (
    Prepared,
    check_recoverer_settings,
    check_solver_settings,
    prepare,
)
from llmexam.workflows.trial.requests import RecoverRequest, SolveRequest, Way
from llmexam.workflows.trial.stamps import Stamps

_OFFERS_SECONDS = 10.0
_MOST_KEPT = 500
_FEW_CHARACTERS = 20_000

State = Literal["waiting", "running", "done", "failed"]


class TrialState(BaseModel):
    """Where a question stands.

    Attributes:
        id: Its id.
        state: waiting, running, done or failed.
        position: Questions before it in the queue.
        seconds: Time since it came.
        error: Why it failed.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    state: State
    position: int = 0
    seconds: float = 0.0
    error: str = ""


class QueueState(BaseModel):
    """Length of the queue, and what is loaded.

    Attributes:
        n_waiting: Questions that wait.
        n_running: Questions that are being answered.
        limit: Questions that may wait.
        n_answered: Questions answered since the start.
        n_calls: Calls in which they were answered.
        memory_mb: Memory of the process, in MB.
        loaded: What is loaded, last used first.
    """

    model_config = ConfigDict(frozen=True)

    n_waiting: int
    n_running: int
    limit: int
    n_answered: int
    n_calls: int
    memory_mb: float
    loaded: tuple[LoadedModel, ...]


class Trials:
    """Answers single questions and rewritten texts with what a workspace holds.

    Args:
        workspace: The folder.
        limits: Limits of the queue.
        most_loaded: Solvers and recoverers that stay loaded.
    """

    def __init__(
        self, workspace: Workspace, *, limits: QueueLimits | None = None, most_loaded: int = 4
    ) -> None:
        self.workspace = workspace
        self._stamps = Stamps(workspace)
        self._loaded = Loaded(self._prepare, most=most_loaded)
        self._queue = JobQueue(self._answer, limits)
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._offers: tuple[float, Offers] | None = None
        self._lock = threading.Lock()

    @property
    def limits(self) -> QueueLimits:
        """Limits of the queue."""
        return self._queue.limits

    def offers(self, *, again: bool = False) -> Offers:
        """Return what can be chosen; the folder is looked through every few seconds.

        Args:
            again: Look through it now.
        """
        with self._lock:
            now = time.monotonic()
            if again or self._offers is None or now - self._offers[0] > _OFFERS_SECONDS:
                self._offers = (now, find_offers(self.workspace))
            return self._offers[1]

    def is_quick(self, request: SolveRequest) -> bool:
        """Return whether `solve` takes well below a millisecond: it reads no file, parses no text.

        An event loop can then call it itself, which saves two changes of the thread.
        """
        with self._lock:
            is_known = (
                self._offers is not None
                and time.monotonic() - self._offers[0] < _OFFERS_SECONDS - 1
            )
        n_characters = sum(map(len, (request.prompt, *request.options, *request.passages)))
        return is_known and not request.text and not request.plan and n_characters < _FEW_CHARACTERS

    def solve(self, request: SolveRequest, *, is_polled: bool = False) -> Job:
        """Put a question into the queue.

        Args:
            request: The question, and who answers.
            is_polled: Whether the client asks for the answer now and then, instead of waiting.

        Raises:
            LlmExamError: The request cannot be answered; nothing was loaded to find that out.
            BusyError: The queue is full.
        """
        question = request.question()
        return self._submit(Job(self._solver_way(request), question, request=request), is_polled)

    def recover(self, request: RecoverRequest, *, is_polled: bool = False) -> Job:
        """Put a pair of texts into the queue; arguments and errors are those of `solve`."""
        key = hash_json([request.original, request.rewritten])[:16]
        pair = Rewrite(key, request.original, request.rewritten)
        return self._submit(Job(self._recoverer_way(request), pair, request=request), is_polled)

    def job(self, id_: str) -> Job | None:
        """Return a job that somebody asks for, or None if there is none or it was too long ago."""
        with self._lock:
            found = self._jobs.get(id_)
            if found is not None and found.last_seen is not None:
                found.last_seen = time.monotonic()
            return found

    def state_of(self, job: Job) -> TrialState:
        """Return where a job stands."""
        seconds = (job.finished or time.monotonic()) - job.created
        if job.future.done():
            error = None if job.future.cancelled() else job.future.exception()
            failed = job.future.cancelled() or error is not None
            text = message_of(error) if failed else ""
            return TrialState(
                id=job.id, state="failed" if failed else "done", seconds=seconds, error=text
            )
        if seconds > self.limits.seconds:
            text = str(too_late(self.limits.seconds))
            return TrialState(id=job.id, state="failed", seconds=seconds, error=text)
        if job.started is not None:
            return TrialState(id=job.id, state="running", seconds=seconds)
        position = self._queue.position(job)
        return TrialState(id=job.id, state="waiting", position=position, seconds=seconds)

    def result(self, job: Job) -> SolveAnswer | RecoverAnswer:
        """Return the answer of a job that is done, with the time in the queue and of all.

        Raises:
            LlmExamError: It failed.
        """
        found: SolveAnswer | RecoverAnswer = job.future.result(timeout=0)
        if job.started is None or job.finished is None:
            return found
        seconds = {
            "all": job.finished - job.created,
            "wait": job.started - job.created,
            **found.seconds,
        }
        return found.model_copy(update={"seconds": seconds})

    def drop(self, job: Job) -> None:
        """Drop a job whose client went away."""
        self._queue.drop(job)
        with self._lock:
            self._jobs.pop(job.id, None)

    def state(self) -> QueueState:
        """Return the length of the queue, and what is loaded."""
        return QueueState(
            n_waiting=self._queue.n_waiting,
            n_running=self._queue.n_running,
            limit=self.limits.length,
            n_answered=self._queue.n_answered,
            n_calls=self._queue.n_calls,
            memory_mb=round(self._loaded.memory_mb(), 1),
            loaded=self._loaded.models(),
        )

    def close(self) -> None:
        """Tell all that wait that the server stops."""
        self._queue.close()

    def _submit(self, job: Job, is_polled: bool) -> Job:
        if is_polled:
            job.last_seen = job.created
        self._queue.submit(job)
        with self._lock:
            if is_polled:
                self._jobs[job.id] = job
            while len(self._jobs) > _MOST_KEPT:
                self._jobs.popitem(last=False)
        return job

    def _solver_way(self, request: SolveRequest) -> Way:
        offers = self.offers()
        indexes = tuple(self._known(name, offers.indexes, "index") for name in request.indexes)
        options = {"indexes": indexes, "k": request.k, "query_form": request.query_form}
        if request.plan:
            self._require_alone(request.solver, request.settings, "solver")
            return self._plan_way("solver-plan", request.plan, indexes, **options)
        name = request.solver or "lexical"
        values = check_solver_settings(name, request.settings, offers, self.workspace)
        return Way(
            "solver",
            name,
            json.dumps(values, sort_keys=True),
            stamp=self._stamps.of(*indexes, str(request.settings.get("model", ""))),
            shown=_shown(name, request.settings),
            threaded=_is_threaded(name) and offers.sparse.issuperset(indexes),
            **options,  # type: ignore[arg-type]
        )

    def _recoverer_way(self, request: RecoverRequest) -> Way:
        offers = self.offers()
        train = self._known(request.train, offers.rewrites, "file of rows") if request.train else ""
        if request.plan:
            self._require_alone(request.recoverer, request.settings, "recoverer")
            return self._plan_way("recoverer-plan", request.plan, (train,), train=train)
        name = request.recoverer or "nearest-neighbours"
        values = check_recoverer_settings(name, request.settings, offers, self.workspace)
        return Way(
            "recoverer",
            name,
            json.dumps(values, sort_keys=True),
            train=train or BUNDLED,
            stamp=self._stamps.of(train, str(request.settings.get("model", ""))),
            shown=_shown(name, request.settings),
        )

    def _plan_way(
        self,
        kind: Literal["solver-plan", "recoverer-plan"],
        plan: str,
        others: Sequence[str],
        **options: Any,
    ) -> Way:
        offers = self.offers()
        task: Literal["multiple-choice", "prompt-recovery"] = (
            "multiple-choice" if kind == "solver-plan" else "prompt-recovery"
        )
        plans = [one.name for one in offers.of(task) if one.kind == "plan"]
        name = self._known(plan, plans, "plan")
        return Way(kind, name, stamp=self._stamps.of(*others, plan=name), shown=name, **options)

    def _known(self, name: str, known: Any, what: str) -> str:
        if name not in known:
            raise SettingsError(
                f"there is no {what} '{name[:200]}' in the folder that is served",
                field=what,
                hint=nearest(name[:200], known) if known else "Put it there",
            )
        return name

    def _require_alone(self, name: str, settings: dict[str, Any], what: str) -> None:
        if name or settings:
            raise SettingsError(
                f"expected a plan or a {what} with settings, got both",
                field="plan",
                hint="Leave one of them out",
            )

    def _prepare(self, way: Way) -> Prepared:
        return prepare(way, self.workspace)

    def _answer(self, way: Way, items: Sequence[Any]) -> Sequence[Any]:
        prepared = self._loaded.get(way)
        start = time.perf_counter()
        if not self._loaded.is_new(way):
            found = prepared.answer(items)
            self._loaded.note(way, len(items))
            return found
        before = self._loaded.memory_mb()
        found = prepared.answer(items)
        growth = self._loaded.memory_mb() - before
        self._loaded.note(way, len(items), time.perf_counter() - start, growth)
        return found


def message_of(error: BaseException | None) -> str:
    """Return what a person is told of an error; of bugs not more than that there is one."""
    if isinstance(error, LlmExamError):
        # Pages may be shown to others, so they have no paths of this machine.
        return without_folders(str(error))
    if error is None:
        return "The question was dropped."
    return f"An error in llmexam: {type(error).__name__}. The terminal of the server shows it."


def _is_threaded(name: str) -> bool:
    """Return whether several threads may use one solver: it has no model, and uses one core."""
    # A property of the class means that it depends on settings.
    return name in SAFE_SOLVERS and getattr(solver_class(name), "one_core", False) is True


def _shown(name: str, settings: dict[str, Any]) -> str:
    told = ", ".join(f"{key} {value}" for key, value in settings.items())
    return f"{name} ({told})"[:200] if told else name
