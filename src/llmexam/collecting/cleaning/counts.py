"""Counts of what each cleaning step did, collected per part and added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmexam.collecting.cleaning.step import Outcome
from llmexam.collecting.document import Document

EXAMPLES_PER_LABEL = 5
_AROUND = 60
_LONGEST_EXAMPLE = 240


@dataclass(frozen=True, slots=True)
class Example:
    """A document that a step changed or dropped.

    Attributes:
        label: Kind of change, or reason of the drop.
        id: Id of the document.
        before: Where the text differs, before the step.
        after: The same place after it; empty if the document was dropped.
        detail: What the reason refers to.
    """

    label: str
    id: str
    before: str
    after: str
    detail: str = ""


@dataclass(slots=True)
class StepCounts:
    """Counts of one step.

    Attributes:
        n_in: Documents before the step.
        n_out: Documents after it.
        characters_in: Characters of all texts before the step.
        characters_out: Characters after it.
        n_changed: Documents that were changed and kept.
        dropped: Dropped documents by reason.
        changes: Changes by label; one document may have several.
        examples: The first examples of each label, in the order of the corpus.
    """

    n_in: int = 0
    n_out: int = 0
    characters_in: int = 0
    characters_out: int = 0
    n_changed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Example]] = field(default_factory=dict)

    def record(self, document: Document, outcome: Outcome) -> None:
        """Add one document and what the step did to it."""
        self.n_in += 1
        self.characters_in += len(document.text)
        if outcome.dropped:
            self.dropped[outcome.dropped] += 1
            text = _shorten(document.text)
            self._keep(Example(outcome.dropped, document.id, text, "", outcome.detail))
            return
        self.n_out += 1
        self.characters_out += len(outcome.text)
        if outcome.text != document.text:
            self.n_changed += 1
            self.changes.update(outcome.changes)
            before, after = _difference(document.text, outcome.text)
            for label in outcome.changes:
                self._keep(Example(label, document.id, before, after, outcome.detail))

    def add(self, other: StepCounts) -> None:
        """Add the counts of a later part."""
        for name in ("n_in", "n_out", "characters_in", "characters_out", "n_changed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.dropped.update(other.dropped)
        self.changes.update(other.changes)
        for examples in other.examples.values():
            for example in examples:
                self._keep(example)

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return {
            "documents_in": self.n_in,
            "documents_out": self.n_out,
            "characters_in": self.characters_in,
            "characters_out": self.characters_out,
            "changed": self.n_changed,
            "dropped": dict(sorted(self.dropped.items())),
            "changes": dict(sorted(self.changes.items())),
            "examples": {
                label: [
                    {"id": one.id, "before": one.before, "after": one.after, "detail": one.detail}
                    for one in examples
                ]
                for label, examples in sorted(self.examples.items())
            },
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StepCounts:
        """Return the counts that `as_dict` returned."""
        return cls(
            values["documents_in"],
            values["documents_out"],
            values["characters_in"],
            values["characters_out"],
            values["changed"],
            Counter(values["dropped"]),
            Counter(values["changes"]),
            {
                label: [Example(label=label, **one) for one in examples]
                for label, examples in values["examples"].items()
            },
        )

    def _keep(self, example: Example) -> None:
        kept = self.examples.setdefault(example.label, [])
        if len(kept) < EXAMPLES_PER_LABEL:
            kept.append(example)


def _difference(before: str, after: str) -> tuple[str, str]:
    """Return the first place where two texts differ, with some text around it."""
    start = 0
    for a, b in zip(before, after, strict=False):
        if a != b:
            break
        start += 1
    start = max(start - _AROUND // 2, 0)
    return _shorten(before[start : start + 2 * _AROUND]), _shorten(
        after[start : start + 2 * _AROUND]
    )


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_EXAMPLE else f"{text[: _LONGEST_EXAMPLE - 3]}..."
