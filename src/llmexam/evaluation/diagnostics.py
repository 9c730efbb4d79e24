"""Results beside metrics: what a task tells of predictions, and what embedders truncated."""

from __future__ import annotations

from typing import Literal

from llmexam.evaluation.estimates import MetricResult, Result


class Diagnostics(Result):
    """Results beside metrics. Each task has its own subclass.

    Attributes:
        task: Name of the task, such as "multiple-choice".
    """

    task: str

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that are shown beside the metrics."""
        return ()


class TextTruncation(Result):
    """Texts of one kind that are longer than a model reads.

    Attributes:
        role: What the model is for, such as "embedder".
        model: The user's name of the model.
        max_tokens: Tokens that it reads; the rest of a text does not count.
        kind: What the texts are, in the plural, such as "predictions".
        n_cut: Texts that are longer.
        n: Number of texts.
    """

    role: str
    model: str
    max_tokens: int
    kind: str
    n_cut: int
    n: int

    def __str__(self) -> str:
        verb = "is" if self.n_cut == 1 else "are"
        return (
            f"{self.n_cut:,} of {self.n:,} {self.kind} {verb} longer than the {self.max_tokens:,} "
            f"tokens that the {self.role} {self.model} reads"
        )


class FacetResult(MetricResult):
    """How often a facet of the true prompt, such as its tone, is recovered.

    Attributes:
        n: Rows whose true prompt has a known label of this facet; only these count.
        n_labels: Number of distinct labels among them.
    """

    n: int
    n_labels: int


class RecoveryDiagnostics(Diagnostics):
    """Further results of an evaluation of recovered prompts.

    Attributes:
        truncation: Texts that are longer than a model of the metrics reads, by model and kind of
            text.
        facets: How often each facet of the prompts is recovered; empty without a bank of labels.
    """

    task: Literal["prompt-recovery"] = "prompt-recovery"
    truncation: tuple[TextTruncation, ...]
    facets: tuple[FacetResult, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was truncated, a sentence for each kind of text; one sentence if nothing was."""
        cut = tuple(f"{one}." for one in self.truncation if one.n_cut)
        limits = dict.fromkeys((one.model, one.max_tokens) for one in self.truncation)
        read = ", ".join(f"{name}: {n:,} tokens" for name, n in limits)
        return cut or (f"No text, prompt or prediction is longer than the models read ({read}).",)
