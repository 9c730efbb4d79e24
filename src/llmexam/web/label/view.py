"""What the labelling page shows."""

from __future__ import annotations

from typing import Any

from llmexam.authoring.labelling.agreement import Agreement
from llmexam.authoring.labelling.desk import Desk
from llmexam.authoring.labelling.labels import Label
from llmexam.authoring.labelling.reasons import JUDGEMENTS, REASONS, RULE_REASONS
from llmexam.authoring.labelling.session import Session
from llmexam.exam.letters import letter_of
from llmexam.exam.quotes import quote_pieces
from llmexam.web.label.forms import Draft

WORDS = {"accept": "accepted", "mend": "corrected", "reject": "rejected"}
"""Decisions in the words of the page."""
_MOST_LISTED = 200


def question_view(
    desk: Desk, session: Session, place: int, *, draft: Draft | None = None, problem: str = ""
) -> dict[str, Any]:
    """Return what the page of a question shows.

    Args:
        desk: The question set.
        session: The session of the labeller.
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
    return {
        "session": session,
        "place": place,
        "n": len(session.exam),
        "question": question,
        "hidden": hidden,
        "draft": shown,
        "is_edited": draft is not None and draft.changes(question),
        "problem": problem,
        "decided": decided,
        "decided_as": WORDS[str(decided.decision)] if decided else "",
        "chosen": "" if chosen is None or hidden else letter_of(chosen),
        "is_right": chosen is not None and chosen in question.right_options,
        "letters": [letter_of(i) for i in range(len(question.options))],
        "reasons": JUDGEMENTS,
        "rules": RULE_REASONS,
        "has_rules": any(name in RULE_REASONS for name in shown.reasons),
        "passages": [(one.title, quote_pieces(one.text, quote)) for one in question.passages],
        "next_place": session.next_place(place),
        "others": []
        if problem
        else [_other(one) for one in desk.others(session.labeller, question.id)],
    }


def done_view(session: Session) -> dict[str, Any]:
    """Return what the page shows when every question has a decision."""
    counts: dict[str, int] = {}
    for question in session.exam:
        word = WORDS[str(session.decisions[question.id].decision)]
        counts[word] = counts.get(word, 0) + 1
    return {"session": session, "counts": counts}


def agreement_view(desk: Desk, labeller: str | None, *, usable: bool = False) -> dict[str, Any]:
    """Return what the page of the agreement shows.

    A disagreement on a question that the reader has not decided on is counted, not shown.

    Args:
        desk: The question set.
        labeller: Who looks at it; None if that is not known.
        usable: Compare only whether a question is kept or rejected.
    """
    result = desk.agreement(usable=usable)
    decided = desk.decided().decisions
    own = decided.get(labeller or "", {})
    place = {id_: i for i, id_ in enumerate(desk.exam.ids)}
    pairs = []
    for pair in result.pairs if result else ():
        shown = [id_ for id_ in pair.disagreements if id_ in own and id_ in place]
        pairs.append(
            {
                "pair": pair,
                "disagreements": [
                    {
                        "place": place[id_],
                        "prompt": desk.exam[place[id_]].prompt,
                        "a": WORDS[str(decided[pair.a][id_].decision)],
                        "b": WORDS[str(decided[pair.b][id_].decision)],
                    }
                    for id_ in shown[:_MOST_LISTED]
                ],
                "n_hidden": len(pair.disagreements) - min(len(shown), _MOST_LISTED),
                "categories": [WORDS.get(one, "kept") for one in pair.categories],
            }
        )
    return {
        "result": result,
        "pairs": pairs,
        "counts": desk.counts(),
        "n": len(desk.exam),
        "usable": usable,
        "alpha": _alpha(result),
    }


def _alpha(result: Agreement | None) -> str:
    if result is None or result.alpha is None:
        return "undefined, because all decisions are the same, or no question has two"
    if result.alpha_low is None or result.alpha_high is None:
        return f"{result.alpha:.3f}"
    return f"{result.alpha:.3f} (95 % interval {result.alpha_low:.3f} to {result.alpha_high:.3f})"


def _other(label: Label) -> dict[str, str]:
    reasons = "; ".join(REASONS[name] for name in label.reasons)
    changed = "" if label.mended is None else label.mended.prompt
    return {
        "labeller": label.labeller,
        "decision": WORDS[str(label.decision)],
        "reasons": reasons,
        "note": label.note,
        "prompt": changed,
    }
