"""Formulation of search queries from a question."""

from __future__ import annotations

from typing import Literal, get_args

from llmexam.errors import SettingsError, nearest
from llmexam.exam.question import Question

QueryForm = Literal["prompt", "prompt+options", "each-option", "prompt+each-option"]
QUERY_FORMS: tuple[QueryForm, ...] = get_args(QueryForm)


def parse_query_form(form: str) -> QueryForm:
    """Return the query formulation of this name.

    Raises:
        SettingsError: The form is unknown.
    """
    for name in QUERY_FORMS:
        if form == name:
            return name
    raise SettingsError(
        f"unknown query formulation '{form}'", field="query_form", hint=nearest(form, QUERY_FORMS)
    )


def make_queries(question: Question, form: QueryForm = "prompt+each-option") -> list[str]:
    """Return the search queries for a question; several are to be fused by rank.

    `prompt`: the question text alone. `prompt+options`: question text and all options in one
    query. `each-option`: `n_options` queries, question text plus one option each.
    `prompt+each-option`: the same, preceded by the question text alone. The answer is never used.

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
