"""Checks within one exam: repeated ids, questions and prompts, contradictions, near duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from llmexam.errors import plural
from llmexam.exam.audit.finding import Finding, Overlap, Rows, pairs_text
from llmexam.exam.audit.near import PromptIndex
from llmexam.exam.normalise import normalise
from llmexam.exam.question import Question


def check_repeats(rows: Rows) -> Iterator[Finding]:
    """Yield findings of repeated ids, questions and prompts, and of contradictory answers."""
    by_id: defaultdict[str, list[int]] = defaultdict(list)
    by_prompt: defaultdict[str, list[tuple[int, Question]]] = defaultdict(list)
    for row, question in rows:
        by_id[question.id].append(row)
        by_prompt[normalise(question.prompt)].append((row, question))
    repeated_ids = [places for places in by_id.values() if len(places) > 1]
    if repeated_ids:
        yield Finding(
            "repeated ids",
            "error",
            f"{plural(len(repeated_ids), 'duplicate id')} "
            f"({pairs_text([(rows[0], rows[1]) for rows in repeated_ids])}): solvers "
            "reject this file",
            tuple(sorted(row for places in repeated_ids for row in places)),
        )
    yield from _by_prompt([group for group in by_prompt.values() if len(group) > 1])


def _by_prompt(groups: Sequence[Sequence[tuple[int, Question]]]) -> Iterator[Finding]:
    contradictions: list[tuple[int, int]] = []
    by_context: list[tuple[int, int]] = []
    repeats: list[tuple[int, int]] = []
    alike: list[tuple[int, int]] = []
    alike_rows: list[int] = []
    for group in groups:
        by_options: dict[tuple[str, ...], list[tuple[int, Question]]] = defaultdict(list)
        for row, question in group:
            by_options[options_key(question)].append((row, question))
        if len(by_options) > 1:
            alike.append((group[0][0], next(r for r, q in group if _differs(q, group[0][1]))))
            alike_rows += [row for row, _ in group]
        for same in by_options.values():
            first_row, first = same[0]
            for row, question in same[1:]:
                pair = (first_row, row)
                if len({_answer_text(first), _answer_text(question)} - {None}) < 2:
                    repeats.append(pair)
                elif _same_context(first, question):
                    contradictions.append(pair)
                else:
                    by_context.append(pair)
    if contradictions:
        yield Finding(
            "contradictions",
            "error",
            f"{plural(len(contradictions), 'question')} with the text and options of "
            f"an earlier one, but another answer ({pairs_text(contradictions)})",
            _rows_of(contradictions),
        )
    if by_context:
        yield Finding(
            "contradictions",
            "warning",
            f"{plural(len(by_context), 'question')} with the text and options of an "
            "earlier one, but another answer and another context "
            f"({pairs_text(by_context)}): fine only if they ask about the context",
            _rows_of(by_context),
        )
    if repeats:
        yield Finding(
            "repeated questions",
            "warning",
            f"{plural(len(repeats), 'question')} with the text and options of an "
            f"earlier one ({pairs_text(repeats)})",
            _rows_of(repeats),
        )
    if alike:
        yield Finding(
            "repeated prompts",
            "note",
            f"{plural(len(alike), 'question text')} used with different options "
            f"({pairs_text(alike)}): keep them in the same part of a split",
            tuple(sorted(alike_rows)),
        )


def check_near(
    rows: Rows, *, file: str, threshold: float, seed: int
) -> tuple[list[Finding], list[Overlap]]:
    """Return near duplicates among the prompts of one exam.

    Args:
        rows: The questions.
        file: The exam's name, for the overlaps.
        threshold: Jaccard similarity from which prompts are near duplicates.
        seed: Of the MinHash permutations.

    Returns:
        Findings, and for each affected row the most similar row.
    """
    index = PromptIndex(rows, threshold=threshold, seed=seed)
    overlaps = []
    for row, question in rows:
        match = index.nearest(question, skip_same_prompt=True)
        if match is not None:
            other_row, kind, similarity = match
            overlaps.append(Overlap(row, question.id, file, other_row, kind, similarity))
    findings = []
    near = [overlap for overlap in overlaps if overlap.kind == "near duplicate"]
    if near:
        findings.append(
            Finding(
                "near duplicates",
                "warning",
                f"{plural(len(near), 'near-duplicate question')} "
                f"({pairs_text(_distinct_pairs(near))})",
                tuple(overlap.row for overlap in near),
            )
        )
    like = [overlap for overlap in overlaps if overlap.kind == "similar prompt"]
    if like:
        findings.append(
            Finding(
                "similar prompts",
                "note",
                f"{plural(len(like), 'near-duplicate question text')} with other "
                f"options ({pairs_text(_distinct_pairs(like))})",
                tuple(overlap.row for overlap in like),
            )
        )
    return findings, overlaps


def options_key(question: Question) -> tuple[str, ...]:
    """Return a question's options sorted and with normalised spacing, for comparison."""
    return tuple(sorted(" ".join(option.split()) for option in question.options))


def _same_context(a: Question, b: Question) -> bool:
    return [p.text for p in a.passages] == [p.text for p in b.passages]


def _differs(question: Question, first: Question) -> bool:
    return options_key(question) != options_key(first)


def _answer_text(question: Question) -> tuple[str, ...] | None:
    right = (" ".join(question.options[i].split()) for i in question.right_options)
    return tuple(sorted(right)) or None


def _rows_of(pairs: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    return tuple(sorted({row for pair in pairs for row in pair}))


def _distinct_pairs(overlaps: Sequence[Overlap]) -> list[tuple[int, int]]:
    pairs = ((min(o.row, o.other_row), max(o.row, o.other_row)) for o in overlaps)
    return list(dict.fromkeys(pairs))
