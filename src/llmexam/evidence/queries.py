"""What is searched for a question."""

from __future__ import annotations

from typing import Literal, get_args

from llmexam.errors import SettingsError, nearest
from llmexam.exam.question import Question

QueryForm = Literal["prompt", "prompt+options", "each-option", "prompt+each-option"]
QUERY_FORMS: tuple[QueryForm, ...] = get_args(QueryForm)


def parse_query_form(form: str) -> QueryForm:
    """Return the query form of this name.

    Raises:
        SettingsError: The form is unknown.
    """
    for known in QUERY_FORMS:
        if form == known:
            return known
    raise SettingsError(
        f"unknown query formulation '{form}'", field="query_form", hint=nearest(form, QUERY_FORMS)
    )


def make_queries(question: Question, form: QueryForm = "prompt+each-option") -> list[str]:
    """Return the queries of a question; more than one are to be fused by rank.

    `prompt` asks the prompt alone; `prompt+options` the prompt and all options in one query;
    `each-option` the prompt with every option in turn, `n_options` queries; `prompt+each-option`
    the same after the prompt alone. The answer is never used.

    >>> make_queries(Question("1", "Is it?", ("yes", "no")), "each-option")
    ['Is it? yes', 'Is it? no']

    Raises:
        SettingsError: The form is unknown.
    """
    match parse_query_form(form):
        case "prompt":
            return [question.prompt]
        case "prompt+options":
            return [" ".join((question.prompt, *question.options))]
        case "each-option":
            return [f"{question.prompt} {option}" for option in question.options]
        case "prompt+each-option":
            return [question.prompt, *make_queries(question, "each-option")]
