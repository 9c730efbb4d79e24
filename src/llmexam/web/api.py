"""The JSON API over a workspace, and its page. Names are those of the Python API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmexam.evaluation.results import ComparisonFamily, RunMetrics
from llmexam.report.paths import without_folders
from llmexam.web.pages.questions import question_json
from llmexam.web.responses import page
from llmexam.workflows.browse.browser import Browser
from llmexam.workflows.browse.comparing import Comparer
from llmexam.workflows.browse.entry import Entry
from llmexam.workflows.browse.listing import filter_entries
from llmexam.workflows.browse.questions import Filter, count_marks, find_questions

_MOST = 1000
_LETTER = "^[A-Za-z]?$"

Id = Annotated[str, Query(description="id of a run: its path in the folder", max_length=1000)]
First = Annotated[int, Query(ge=0, description="number of results to skip")]
Limit = Annotated[int, Query(ge=0, le=_MOST, description="largest number of results to return")]


_SORT = (
    "exam: order of the exam; rank: lowest rank of the right option first; margin: most certain "
    "mistakes first; lead: least certain answers first"
)


class RunEntry(BaseModel):
    """A run or a training, as the list shows it; see `workflows.browse.entry.Entry`."""

    id: str
    kind: str
    state: str
    title: str
    task: str
    exam: str
    exam_hash: str
    n_items: int
    metric: str
    embedder: str
    level: float
    scores: list[dict[str, Any]]
    solvers: list[str]
    date: str
    seconds: float
    cost: str
    seed: int | None
    tags: list[str]
    problem: str
    progress: dict[str, Any] | None

    @classmethod
    def of(cls, entry: Entry) -> RunEntry:
        """Return an entry of the list as JSON values."""
        values = {**asdict(entry), "embedder": without_folders(entry.embedder)}
        if entry.progress is not None:
            values["progress"]["seconds_left"] = entry.progress.seconds_left
            # The process and the name of the machine help to find out the state, nobody else.
            for name in ("pid", "host"):
                del values["progress"][name]
        return cls.model_validate({name: values[name] for name in cls.model_fields})


class RunAnswer(BaseModel):
    """A run with its grades: `metrics` is the content of its `metrics.json`."""

    run: RunEntry
    metrics: RunMetrics | None
    marks: dict[str, int]


class QuestionLine(BaseModel):
    """A question in one line."""

    row: int
    id: str
    prompt: str
    verdict: str
    outcome: str
    uncertain: bool
    ranked: str
    answer: str


class Questions(BaseModel):
    """The questions of a run that fit a search: how many, and some of them."""

    n: int
    questions: list[QuestionLine]


def api_router(browser: Browser, comparer: Comparer) -> APIRouter:
    """Return the routes of the API over a workspace.

    Args:
        browser: The workspace.
        comparer: Compares its results.
    """
    router = APIRouter()
    _add_runs(router, browser)
    _add_questions(router, browser)
    _add_comparison(router, comparer)
    return router


def _add_runs(router: APIRouter, browser: Browser) -> None:
    @router.get("/runs", summary="List the runs and trainings of the folder")
    def runs(
        q: Annotated[str, Query(description="words of titles, folders, solvers and tags")] = "",
        tag: str = "",
        state: Annotated[
            Literal["", "finished", "running", "stopped", "failed"],
            Query(description="finished, running, stopped or failed"),
        ] = "",
    ) -> list[RunEntry]:
        entries = browser.listing.entries()
        return [RunEntry.of(one) for one in filter_entries(entries, text=q, tag=tag, state=state)]

    @router.get("/run", summary="A run with its metrics")
    def run(run: Id) -> RunAnswer:
        entry = RunEntry.of(browser.entry(run))
        if entry.kind == "training" or entry.state != "finished":
            return RunAnswer(run=entry, metrics=None, marks={})
        opened = browser.open(run)
        marks = count_marks(opened.choice) if opened.choice else {}
        return RunAnswer(run=entry, metrics=opened.recorded.metrics, marks=marks)


def _add_questions(router: APIRouter, browser: Browser) -> None:
    @router.get("/questions", summary="Search and filter the questions of a run")
    def questions(
        run: Id,
        q: Annotated[str, Query(description="words of ids, questions and options")] = "",
        passages: Annotated[bool, Query(description="also look in passages")] = False,
        mark: Annotated[
            list[str] | None, Query(description="wrong, right, unsure, truncated, leaked")
        ] = None,
        slice: Annotated[str, Query(description="property:value, such as subject:biology")] = "",
        right: Annotated[str, Query(pattern=_LETTER, description="letter of a right option")] = "",
        chosen: Annotated[
            str, Query(pattern=_LETTER, description="letter of the first choice")
        ] = "",
        shortest: Annotated[int, Query(ge=0, description="least number of characters")] = 0,
        longest: Annotated[int, Query(ge=0, description="largest number of characters")] = 0,
        sort: Annotated[str, Query(description=_SORT)] = "exam",
        first: First = 0,
        limit: Limit = 100,
    ) -> Questions:
        by, _, value = slice.partition(":")
        letters = right.upper(), chosen.upper()
        wanted = Filter(
            q, passages, tuple(mark or ()), by, value, *letters, shortest, longest, sort
        )
        opened = browser.runs.choice(browser.folder(run))
        rows = find_questions(opened, wanted)
        views = [opened.questions.brief(row, in_full=True) for row in rows[first : first + limit]]
        lines = [
            QuestionLine(
                row=one.row,
                id=one.id,
                prompt=one.prompt,
                verdict=one.verdict,
                outcome=one.outcome,
                uncertain=one.uncertain,
                ranked=one.ranked,
                answer=one.answer_letter,
            )
            for one in views
        ]
        return Questions(n=len(rows), questions=lines)

    @router.get("/question", summary="A question with ranking, reasons and evidence")
    def question(
        run: Id, n: Annotated[int, Query(ge=1, description="its row, from 1")]
    ) -> dict[str, Any]:
        opened = browser.open(run)
        if opened.recovery is not None:
            return asdict(opened.recovery.row(n - 1))
        return question_json(browser.runs.choice(browser.folder(run)), n - 1)


def _add_comparison(router: APIRouter, comparer: Comparer) -> None:
    @router.get("/compare", summary="Compare runs, logs of other harnesses or submissions, paired")
    def compare(
        run: Annotated[list[str], Query(description="two or more ids of runs, or paths of files")],
        flips: Annotated[bool, Query(description="with the questions that flip")] = True,
    ) -> ComparisonFamily:
        found = comparer.compare(run).family
        if flips:
            return found
        short = (one.model_copy(update={"flips": ()}) for one in found.comparisons)
        return found.model_copy(update={"comparisons": tuple(short)})


def api_page() -> Sequence[BaseRoute]:
    """Return the route of the page that describes the API."""

    def show(request: Request) -> Response:
        return page(request, "api.html", routes=_described(request.app.openapi()))

    return [Route("/api", show, methods=["GET"])]


def _described(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the page shows of an OpenAPI document: one entry a path and method."""
    found = []
    for path, methods in document.get("paths", {}).items():
        for method, told in methods.items():
            found.append(
                {
                    "method": method.upper(),
                    "path": path,
                    "summary": told.get("summary", ""),
                    "description": told.get("description", ""),
                    "parameters": [_parameter(one) for one in told.get("parameters", ())],
                    "body": _body(told, document),
                }
            )
    return found


def _parameter(told: Mapping[str, Any]) -> dict[str, Any]:
    schema = told.get("schema", {})
    return {
        "name": told["name"],
        "required": bool(told.get("required")),
        "type": _type(schema),
        "default": schema.get("default", ""),
        "description": told.get("description", ""),
    }


def _type(schema: Mapping[str, Any]) -> str:
    if "type" in schema:
        inside = f" of {_type(schema['items'])}" if "items" in schema else ""
        return f"{schema['type']}{inside}"
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    kinds = [_type(one) for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return " or ".join(kinds)


def _body(told: Mapping[str, Any], document: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = told.get("requestBody", {}).get("content", {})
    schemas = [one.get("schema", {}) for one in content.values()]
    schema: Mapping[str, Any] = schemas[0] if schemas else {}
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    model = document.get("components", {}).get("schemas", {}).get(name, schema)
    required = model.get("required", ())
    return [
        {
            "name": field,
            "required": field in required,
            "type": _type(own),
            "default": own.get("default", ""),
            "description": own.get("description", ""),
        }
        for field, own in model.get("properties", {}).items()
    ]
