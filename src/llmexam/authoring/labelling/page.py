"""The labelling page as HTML."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from llmexam.authoring.labelling.labels import Label, Mended
from llmexam.authoring.labelling.reasons import JUDGEMENTS, RULE_REASONS
from llmexam.authoring.labelling.session import Session
from llmexam.exam.letters import letter_of
from llmexam.exam.question import Question
from llmexam.exam.quotes import quote_pieces


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

    def changes(self, question: Question) -> bool:
        """Return whether text, options or key differ from those of a question."""
        own = (_lines(self.prompt), tuple(map(_lines, self.options)), self.answer)
        its = (_lines(question.prompt), tuple(map(_lines, question.options)), question.answer)
        return own != its


def render_question(
    session: Session, place: int, *, draft: Draft | None = None, problem: str = ""
) -> str:
    """Return the page of a question.

    Args:
        session: The session.
        place: Place of the question.
        draft: What the labeller entered, if it could not be saved.
        problem: Why it could not be saved.
    """
    question = session.exam[place]
    decided = session.decisions.get(question.id)
    hidden = session.hides_key(place)
    shown = draft or Draft.of(question, decided)
    # The quote would show the key.
    quote = "" if hidden else question.metadata.get("quote", "")
    chosen = session.answers.get(question.id)
    return _render(
        "question.html",
        session=session,
        place=place,
        n=len(session.exam),
        question=question,
        hidden=hidden,
        draft=shown,
        is_edited=draft is not None and draft.changes(question),
        problem=problem,
        decided=decided,
        chosen="" if chosen is None or hidden else letter_of(chosen),
        is_right=chosen is not None and chosen in question.right_options,
        letters=[letter_of(i) for i in range(len(question.options))],
        reasons=JUDGEMENTS,
        rules=RULE_REASONS,
        has_rules=any(name in RULE_REASONS for name in shown.reasons),
        passages=[(one.title, quote_pieces(one.text, quote)) for one in question.passages],
        next_place=session.next_place(place),
    )


def render_done(session: Session) -> str:
    """Return the page that is shown when every question has a decision."""
    counts: dict[str, int] = {}
    for question in session.exam:
        decision = session.decisions[question.id].decision
        counts[str(decision)] = counts.get(str(decision), 0) + 1
    return _render("done.html", session=session, counts=counts)


def content_policy() -> str:
    """Return the content security policy: one style sheet, one script, forms to this server."""
    return (
        f"default-src 'none'; style-src {_source('label.css')}; "
        f"script-src {_source('label.js')}; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


def _render(template: str, **values: object) -> str:
    style, script = Markup(_asset("label.css")), Markup(_asset("label.js"))
    return _templates().get_template(template).render(style=style, script=script, **values)


def _lines(text: str) -> str:
    # Browsers send CRLF from a text area.
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("llmexam.authoring.labelling", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _asset(name: str) -> str:
    path = files("llmexam.authoring.labelling").joinpath("templates", name)
    # Browsers normalise line endings before hashing, so the hash must, too.
    return path.read_text(encoding="utf-8").replace("\r\n", "\n")


def _source(name: str) -> str:
    digest = sha256(_asset(name).encode("utf-8")).digest()
    return f"'sha256-{b64encode(digest).decode('ascii')}'"
