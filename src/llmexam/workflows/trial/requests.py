"""What a page or a program may ask for, checked before anything is loaded."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Field

from llmexam.errors import SettingsError, nearest
from llmexam.evidence.queries import QueryForm
from llmexam.exam.letters import MAX_OPTIONS
from llmexam.exam.question import Passage, Question
from llmexam.settings.base import OneOrMany, Settings
from llmexam.storage.hashing import hash_json
from llmexam.workflows.trial.pasted import MOST_CHARACTERS, make_question, parse_question

MOST_PASSAGES = 50
Text = Annotated[str, Field(max_length=MOST_CHARACTERS)]
_PLAIN = (bool, int, float, type(None))
_UNIONS = (Union, types.UnionType)


class SolveRequest(Settings):
    """One question, and who answers it; the words are those of `lx.solve`."""

    text: Text = Field("", description="a pasted question with its options, and `Answer: B`")
    prompt: Text = Field("", description="question text, instead of `text`")
    options: tuple[Text, ...] = Field((), max_length=MAX_OPTIONS, description="options")
    answer: str | None = Field(
        None, max_length=1000, description="right option (letter or text), if it is known"
    )
    passages: tuple[Text, ...] = Field(
        (), max_length=MOST_PASSAGES, description="evidence; with some, no index is searched"
    )
    solver: str = Field("", max_length=200, description="name of a solver; `lexical` by default")
    plan: str = Field(
        "", max_length=1000, description="path of a plan in the folder, instead of a solver"
    )
    settings: dict[str, Any] = Field(
        {},
        description="settings of the solver: numbers, choices, and as `model` a trained model of "
        "the folder",
    )
    indexes: OneOrMany[Annotated[str, Field(max_length=1000)]] = Field(
        (), max_length=8, description="indexes to search: paths in the folder, or `bundled`"
    )
    k: int | None = Field(
        None, ge=1, le=MOST_PASSAGES, description="passages per question; 4 or as in the plan"
    )
    query_form: QueryForm | None = Field(None, description="query formulation")

    def question(self) -> Question:
        """Return the question. Its id is a hash, so that scores do not depend on other questions.

        Raises:
            ExamError: The text has no question, or the parts are none.
        """
        if self.text.strip():
            found = parse_question(self.text)
            if self.answer:
                found = make_question(found.prompt, found.options, self.answer)
        else:
            found = make_question(self.prompt, self.options, self.answer)
        given = tuple(Passage(text.strip()) for text in self.passages if text.strip())
        passages = given or found.passages
        key = hash_json([found.prompt, found.options, [one.text for one in passages]])[:16]
        return Question(key, found.prompt, found.options, found.answer, passages)


class RecoverRequest(Settings):
    """One original and its rewritten text, and who recovers the prompt; see `recover_prompts`."""

    original: Text = Field(min_length=1, description="the text before")
    rewritten: Text = Field(min_length=1, description="the text after")
    recoverer: str = Field(
        "", max_length=200, description="name of a recoverer; `nearest-neighbours` by default"
    )
    plan: str = Field(
        "", max_length=1000, description="path of a plan in the folder, instead of a recoverer"
    )
    settings: dict[str, Any] = Field({}, description="settings of the recoverer, likewise")
    train: str = Field(
        "",
        max_length=1000,
        description="rows with known prompts that it learns from: a file of the folder, or "
        "`bundled`, the default",
    )


@dataclass(frozen=True)
class Way:
    """Who answers, and with what: what is loaded and kept, and by which requests are batched.

    Attributes:
        kind: Whether it is a solver or a recoverer, by name or as in a plan.
        name: Name, or path of the plan in the workspace.
        settings: Settings by key, as JSON.
        indexes: Indexes to search; empty for those of the plan, or none.
        k: Passages per question; None for the default.
        query_form: Query formulation; None for the default.
        train: Rows that a recoverer learns from.
        stamp: When the files were written that it depends on.
        shown: What it is called.
        threaded: Whether several threads may use it at the same time.
    """

    kind: Literal["solver", "solver-plan", "recoverer", "recoverer-plan"]
    name: str
    settings: str = "{}"
    indexes: tuple[str, ...] = ()
    k: int | None = None
    query_form: QueryForm | None = None
    train: str = ""
    stamp: str = ""
    shown: str = field(default="", compare=False)
    threaded: bool = field(default=False, compare=False)


def check_plain(values: Mapping[str, Any], known: type[Settings], subject: str) -> None:
    """Check that settings from a page are plain: numbers, yes or no, or one of some choices.

    Texts are refused unless they are one of the choices: a text may be a path, a model that would
    be downloaded, an address or a key.

    Args:
        values: Settings by key.
        known: The settings class.
        subject: What they belong to, for errors.

    Raises:
        SettingsError: There is no such setting, or a page must not give it.
    """
    for key, value in values.items():
        field_ = known.model_fields.get(key)
        if field_ is None:
            raise SettingsError(
                f"{subject} has no setting '{key[:100]}'",
                field="settings",
                hint=nearest(key[:100], known.model_fields),
            )
        if isinstance(value, str) and key not in known.user_only:
            expected = _EXPECTED.get(_kinds(field_.annotation) - {type(None)})
            if expected:
                raise SettingsError(
                    f"setting '{key}' of {subject}: expected {expected}, got the text "
                    f"'{value[:100]}'",
                    field="settings",
                )
        if key in known.user_only or not _is_plain(field_.annotation, value):
            raise SettingsError(
                f"setting '{key}' of {subject} cannot be given here, because it may name a file, "
                "a model or an address",
                field="settings",
                hint="Write it in a plan in the folder, and choose that",
            )


_EXPECTED = {
    frozenset({bool}): "true or false",
    frozenset({int}): "a whole number",
    frozenset({float}): "a number",
    frozenset({int, float}): "a number",
}
"""What is expected of a setting whose values have these types only."""


def _kinds(annotation: Any) -> frozenset[Any]:
    """Return the types of the values of a setting."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in _UNIONS:
        return frozenset().union(*(_kinds(one) for one in get_args(annotation)))
    return frozenset({annotation})


def _is_plain(annotation: Any, value: Any) -> bool:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        return value in get_args(annotation)
    if get_origin(annotation) in _UNIONS:
        return any(_is_plain(one, value) for one in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        if not isinstance(value, Mapping):
            return False
        fields = annotation.model_fields
        return all(
            key in fields and _is_plain(fields[key].annotation, one) for key, one in value.items()
        )
    if annotation not in _PLAIN:
        return False
    return isinstance(value, int | float) or value is None
