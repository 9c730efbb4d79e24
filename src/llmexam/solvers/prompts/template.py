"""Prompt templates: bundled by name, or a YAML file of the user."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from llmexam.errors import SettingsError, nearest
from llmexam.settings.base import Settings
from llmexam.storage.yaml_text import load_yaml

if TYPE_CHECKING:
    from llmexam.solvers.prompts.sandbox import CountedTemplate

_NO_OPTIONS = ("context", "prompt")
Mode = Literal["letters", "options", "yes-no", "pairs", "binary-head"]
_FOLDER = "templates"
# Variables of a template, so that a misspelt name is an error before a model is loaded.
_TRIAL: dict[str, Any] = {
    "prompt": "p",
    "context": "c",
    "options": [{"letter": "A", "text": "a"}, {"letter": "B", "text": "b"}],
    "option": "o",
    "letter": "A",
    "verdict": "yes",
}


class PromptTemplate(Settings):
    """Templates of a question and its answer, for a causal language model.

    `question` and `answer` are Jinja templates. They may name `prompt`, `context` (empty without
    evidence), `options` (each with `letter` and `text`), and in modes with one prompt per option
    `option`; `answer` also `letter` or `verdict`.
    """

    mode: Mode = Field(
        description="what is scored. letters: the option letter after a list of options; "
        "options: the text of each option; yes-no: whether an option is right; "
        "pairs: the better of two options; binary-head: an option in the prompt, "
        "scored by a classification head over the last token"
    )
    instructions: str = Field("", description="instructions, once at the beginning")
    question: str = Field(min_length=1, description="template of a question, without its answer")
    answer: str = Field(
        "", description="template of the answer after the question; unused in mode binary-head"
    )
    separator: str = Field("\n\n", description="text between instructions, examples and question")
    yes: str = Field("yes", min_length=1, description="value of `verdict` for a right option")
    no: str = Field("no", min_length=1, description="value of `verdict` for a wrong option")
    keep_spaces: bool = Field(
        False,
        description="keep the space around the texts of options; by default it is removed, because "
        "in some exams only right options open with one",
    )
    _file: str | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _answered(self) -> Self:
        if self.mode == "binary-head" and self.answer:
            raise ValueError("mode 'binary-head' has no answer text: remove `answer`")
        if self.mode != "binary-head" and not self.answer:
            raise ValueError(
                f"mode '{self.mode}' needs `answer`, the template of the answer after the question"
            )
        return self

    def render_question(self, **names: Any) -> str:
        """Return the rendered question.

        Raises:
            SettingsError: The template fails with these names.
        """
        return self._render("question", names)

    def render_answer(self, **names: Any) -> str:
        """Return the rendered answer.

        Raises:
            SettingsError: The template fails with these names.
        """
        return self._render("answer", names)

    def check(self) -> None:
        """Check the template by rendering it with placeholder values.

        Raises:
            SettingsError: The template is invalid, or uses an unknown variable.
        """
        self.render_question(**_TRIAL)
        self.render_answer(**_TRIAL)

    def _render(self, field: str, names: dict[str, Any]) -> str:
        try:
            known = names if self.keep_spaces else _without_margins(names)
            return _compile(getattr(self, field)).render(known)
        except Exception as error:  # a template is code and may raise anything
            raise SettingsError(
                f"template cannot be rendered: {str(error).rstrip('.') or type(error).__name__}",
                file=self._file,
                field=field,
                hint=f"Available variables: {', '.join(_TRIAL)}",
            ) from None


def _without_margins(names: dict[str, Any]) -> dict[str, Any]:
    """Return the names with options that neither open nor end with space.

    In some exams only right options do, and a model would learn from it what no reader knows.
    """
    return {name: value if name in _NO_OPTIONS else _option(value) for name, value in names.items()}


def _option(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return [
            {name: _option(part) for name, part in one.items()} if isinstance(one, dict) else one
            for one in value
        ]
    return value


def template_names() -> tuple[str, ...]:
    """Return the names of the bundled templates."""
    folder = files(__package__) / _FOLDER
    return tuple(
        sorted(one.name.removesuffix(".yaml") for one in folder.iterdir() if one.is_file())
    )


def read_template(name: str) -> PromptTemplate:
    """Return a template.

    Args:
        name: One of `template_names()`, or the path of a YAML file.

    Raises:
        SettingsError: There is no such template, or it is invalid.
    """
    return parse_template(template_text(name), name)


def template_text(name: str) -> str:
    """Return the YAML of a template.

    Args:
        name: One of `template_names()`, or the path of a YAML file.

    Raises:
        SettingsError: There is no such template, or its file is unreadable.
    """
    if name in template_names():
        return (files(__package__) / _FOLDER / f"{name}.yaml").read_text("utf-8")
    if not name.endswith((".yaml", ".yml")):
        raise SettingsError(
            f"unknown prompt template '{name}'",
            field="template",
            hint=f"{nearest(name, template_names())}. Or give the path of a YAML file",
        )
    try:
        return Path(name).expanduser().read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot be read: {error}", file=name) from None


def parse_template(text: str, file: str) -> PromptTemplate:
    """Return the template of a YAML text.

    Args:
        text: The YAML.
        file: Its file, for error messages.

    Raises:
        SettingsError: It is invalid.
    """
    values = load_yaml(text, file=file)
    if not isinstance(values, dict):
        raise SettingsError(
            "expected a mapping with the keys `mode`, `question` and `answer`", file=file
        )
    template = PromptTemplate.parse(
        values, subject="a prompt template", file=file, given_as="{name}: {value}"
    )
    template._file = file
    template.check()
    return template


@lru_cache(maxsize=64)
def _compile(text: str) -> CountedTemplate:
    from llmexam.solvers.prompts.sandbox import compile_template

    return compile_template(text)
