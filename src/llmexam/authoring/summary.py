"""The account of a question set: what was written, what the checks removed, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llmexam.authoring.finishing import Finished, SetStep

# Reasons of a generator that are printed; all are in the file.
_SHOWN_REASONS = 6


@dataclass(frozen=True, slots=True)
class AuthoringSummary:
    """The counts of a question set; written beside it as `QUESTIONS.report.json`.

    Attributes:
        finished: The questions and the counts.
        n_wanted: Wanted number of questions; None for all.
        n_shards: Shards of drafts.
        key: Hash of the passages, the settings and the code.
        settings: The settings as they are in a file.
        usage: What the language model used; empty without one.
        n_sampled: Passages that were drawn at random at most; None for all passages.
    """

    finished: Finished
    n_wanted: int | None
    n_shards: int
    key: str
    settings: Mapping[str, Any]
    usage: str = ""
    n_sampled: int | None = None

    @property
    def n_missing(self) -> int:
        """Wanted questions that there are too few of."""
        return max(0, (self.n_wanted or 0) - len(self.finished.items))

    @property
    def is_sample_used_up(self) -> bool:
        """Whether questions are missing although the corpus may have further passages."""
        return self.n_missing > 0 and self.finished.n_passages == self.n_sampled

    @property
    def shortfall(self) -> dict[str, int]:
        """Where questions were lost, with counts, if fewer than wanted were written."""
        if not self.n_missing:
            return {}
        found = self.finished
        lost = {f"rejected by check {y.name}": y.n_rejected for y in found.yields}
        lost |= {f"removed by set check {step.name}": step.n_removed for step in found.steps}
        lost |= {f"generator: {reason}": n for reason, n in found.reasons.items()}
        if self.is_sample_used_up:
            lost["passages drawn (setting n_passages), all used"] = found.n_passages
        return {"wanted and not written": self.n_missing} | {k: n for k, n in lost.items() if n}

    def as_dict(self) -> dict[str, Any]:
        """Return all counts, as they are written to the file."""
        found = self.finished
        filters = [
            {"name": y.name, "rejected": y.n_rejected, "rejected_alone": y.n_only}
            for y in found.yields
        ]
        filters += [{"name": s.name, "rejected": s.n_removed} for s in found.steps]
        return {
            "generated": found.n_drafts,
            "kept": len(found.items),
            "spare": found.n_spare,
            "wanted": self.n_wanted,
            "passages": found.n_passages,
            "clusters": found.n_clusters,
            "styles": found.by_style,
            "filters": filters,
            "alone": {y.name: y.n_alone for y in found.yields},
            "flagged": dict(found.n_flagged),
            "set_checks": {
                s.name: {"changed": s.n_changed, "before": dict(s.before), "after": dict(s.after)}
                for s in found.steps
            },
            "generator_reasons": dict(found.reasons),
            "shortfall": self.shortfall,
            "key": self.key,
            "settings": dict(self.settings),
        }

    def __str__(self) -> str:
        """Return the counts as a table."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        found = self.finished
        yield f"{found.n_passages:8,}  passages"
        yield f"{found.n_drafts:8,}  questions written"
        if found.yields or found.steps:
            yield ""
            yield f"{'rejected':>8}  {'alone':>7}  {'only':>7}  check"
        for one in found.yields:
            yield f"{one.n_rejected:8,}  {one.n_alone:7,}  {one.n_only:7,}  {one.name}"
        for step in found.steps:
            changed = f", {step.n_changed:,} changed" if step.n_changed else ""
            yield f"{step.n_removed:8,}  {'':7}  {'':7}  {step.name} (whole set{changed})"
        measures = [line for step in found.steps for line in _measures(step)]
        if measures:
            yield ""
            yield f"{'before':>8}  {'after':>7}  {'':7}  measures of the whole set"
        yield from measures
        yield ""
        if found.n_spare:
            yield f"{found.n_spare:8,}  more than wanted"
        styles = ", ".join(f"{style} {n:,}" for style, n in sorted(found.by_style.items()))
        yield f"{len(found.items):8,}  kept, from {found.n_clusters:,} articles: {styles or 'none'}"
        for name, n in found.n_flagged.items():
            yield f"{n:8,}  of them flagged by {name}"
        if self.n_missing:
            yield f"{self.n_missing:8,}  fewer than wanted. Most frequent reasons of the generator:"
            for reason, n in list(found.reasons.items())[:_SHOWN_REASONS]:
                yield f"{n:8,}  - {reason}"
        if self.is_sample_used_up:
            yield f"All {self.n_sampled:,} drawn passages were used. Set a larger n_passages."


def _measures(step: SetStep) -> Iterator[str]:
    for name, value in step.before.items():
        if name in step.after:
            yield f"{value:8.3f}  {step.after[name]:7.3f}  {'':7}  {step.name}: {name}"
