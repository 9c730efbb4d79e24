"""What a collection kept, left out and refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from llmexam.collecting.apis.licences import AcceptedLicences, Licence

_MOST_NAMES = 10


@dataclass
class Tally:
    """Counts, filled in while documents are collected.

    Attributes:
        accepted: The licences that are accepted.
        n_found: Pages or papers that the source listed, without repetitions.
        n_used: Pages or papers of which documents were made.
        left_out: How many were left out, by reason.
        events: What else happened, and how often: redirects followed, pages requested again.
        kept_by_licence: Documents by name of their licence.
        refused_by_licence: Pages or papers whose licence is not accepted, by its name.
        terms: Address of each licence.
        notes: What else should be known, one sentence each.
    """

    accepted: AcceptedLicences
    n_found: int = 0
    n_used: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    kept_by_licence: Counter[str] = field(default_factory=Counter)
    refused_by_licence: Counter[str] = field(default_factory=Counter)
    terms: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def accept(self, licence: Licence) -> bool:
        """Return whether a page or paper is accepted by its licence, and count it if not."""
        self.terms.setdefault(licence.name, licence.url)
        if self.accepted.accept(licence.name):
            return True
        self.refused_by_licence[licence.name] += 1
        return False

    def note_names(self, what: str, names: list[str]) -> None:
        """Add a note that lists names, the first ten of them."""
        if names:
            more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
            self.notes.append(f"{what}: {', '.join(names[:_MOST_NAMES])}{more}")
