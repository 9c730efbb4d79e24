"""What a labeller enters for a question, and the decision that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from llmexam.authoring.labelling.labels import Label, Mended
from llmexam.errors import ExamError
from llmexam.exam.question import Question

Form = Mapping[str, list[str]]


@dataclass(frozen=True)
class Draft:
    """What a labeller entered in the form.

    Attributes:
        prompt: The question text.
        options: The options.
        answer: Index of the right option, or None.
        reasons: Reasons to reject the question.
        note: Free text.
    """

    prompt: str
    options: tuple[str, ...]
    answer: int | None
    reasons: tuple[str, ...] = ()
    note: str = ""

    @classmethod
    def of(cls, question: Question, decided: Label | None) -> Draft:
        """Return a question as it stands, with what was decided on it."""
        text: Question | Mended = question
        if decided is not None and decided.mended is not None:
            text = decided.mended
        reasons = decided.reasons if decided else ()
        note = decided.note if decided else ""
        return cls(text.prompt, tuple(text.options), text.answer, reasons, note)

    @classmethod
    def from_form(cls, form: Form, question: Question) -> Draft:
        """Return what a form has for a question."""
        return cls(
            prompt=last(form, "prompt"),
            options=tuple(last(form, f"option-{i}") for i in range(len(question.options))),
            answer=index_in(form, "answer"),
            reasons=tuple(form.get("reason", ())),
            note=last(form, "note"),
        )

    def changes(self, question: Question) -> bool:
        """Return whether text, options or key differ from those of a question."""
        own = (_lines(self.prompt), tuple(map(_lines, self.options)), self.answer)
        its = (_lines(question.prompt), tuple(map(_lines, question.options)), question.answer)
        return own != its

    def fields(self, decision: str, question: Question) -> dict[str, Any]:
        """Return the fields of a decision on a question.

        Args:
            decision: The button that was pressed.
            question: The question.

        Raises:
            ExamError: The decision does not fit what was entered.
        """
        is_changed = self.changes(question)
        if is_changed and decision != "mend":
            raise ExamError(
                "The text was changed: save the correction, or reload the page to undo the changes."
            )
        if decision == "mend" and not is_changed:
            raise ExamError("Nothing was changed: accept the question, or correct it first.")
        if decision != "reject" and self.reasons:
            raise ExamError("Reasons to reject are chosen: reject the question, or clear them.")
        fields: dict[str, Any] = {"decision": decision, "note": self.note}
        if decision == "reject":
            fields["reasons"] = self.reasons
        if decision == "mend":
            fields["mended"] = self._mended()
        return fields

    def _mended(self) -> Mended:
        if self.answer is None:
            raise ExamError("Choose which option is right.")
        try:
            return Mended(
                prompt=self.prompt.strip(),
                options=tuple(option.strip() for option in self.options),
                answer=self.answer,
            )
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ExamError(message) from None


def last(form: Form, name: str) -> str:
    """Return a field of a form, or an empty text."""
    return form.get(name, [""])[-1].replace("\r\n", "\n")


def index_in(form: Form, name: str) -> int | None:
    """Return a field of a form as an index, or None if it is none."""
    text = last(form, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else None


def _lines(text: str) -> str:
    # Browsers send CRLF from a text area.
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()
