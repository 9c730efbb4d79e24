"""Agreement between labellers, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import RenderableType

from llmexam.authoring.labelling.agreement import Agreement, PairAgreement
from llmexam.errors import plural
from llmexam.report.formats import MISSING, clip, count, fixed, percent
from llmexam.report.terminal_parts import plain_text, text_table

_N_DISAGREEMENTS = 20
_PROMPT = 80


def agreement_tables(
    result: Agreement, prompts: Mapping[str, str] | None = None
) -> list[RenderableType]:
    """Return the tables of an agreement.

    Args:
        result: The agreement.
        prompts: Question text by id, for the list of disagreements.
    """
    parts: list[RenderableType] = []
    decided = ", ".join(f"{name} {count(n)}" for name, n in result.n_decided.items())
    parts.append(plain_text(f"decided: {decided}"))
    table = text_table("Agreement of each pair", "pair", "n", "agree", "kappa", "95 % interval")
    for pair in result.pairs:
        ends = _interval(pair.low, pair.high) or MISSING
        table.add_row(
            plain_text(f"{pair.a} and {pair.b}"),
            count(pair.n),
            percent(pair.raw, 1),
            fixed(pair.kappa, 3),
            ends,
        )
    parts.append(table)
    if len(result.labellers) > 2:
        ends = _interval(result.alpha_low, result.alpha_high)
        told = f" (95 % interval {ends})" if ends else ""
        parts.append(plain_text(f"Krippendorff's alpha of all: {fixed(result.alpha, 3)}{told}"))
    for name, (n_right, n) in result.answers.items():
        right = f"{n_right} of {n} questions correctly ({percent(n_right / n, 1)})"
        parts.append(plain_text(f"{name} answered {right} before seeing the key"))
    for pair in result.pairs:
        parts += _confusion(pair, prompts or {})
    if not result.pairs:
        parts.append(plain_text("No two labellers decided on the same question."))
    return parts


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{fixed(low, 3)} to {fixed(high, 3)}"


def _confusion(pair: PairAgreement, prompts: Mapping[str, str]) -> list[RenderableType]:
    heads = [f"{pair.b}: {name}" for name in pair.categories]
    table = text_table(f"Decisions of {pair.a} and {pair.b}", f"{pair.a}:", *heads)
    for name, row in zip(pair.categories, pair.confusion, strict=True):
        table.add_row(plain_text(name), *(count(n) for n in row))
    parts: list[RenderableType] = [table]
    if pair.disagreements:
        parts.append(plain_text(f"{plural(len(pair.disagreements), 'disagreement')}:"))
    for key in pair.disagreements[:_N_DISAGREEMENTS]:
        text = clip(prompts.get(key, ""), _PROMPT)
        parts.append(plain_text(f"- {key}{': ' if text else ''}{text}"))
    if len(pair.disagreements) > _N_DISAGREEMENTS:
        parts.append(plain_text("All of them: --json"))
    return parts
