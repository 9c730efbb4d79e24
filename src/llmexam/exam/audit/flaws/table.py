"""All rules, the flaws of a question, and how many questions of an exam have each.

The rules are those of two reviews that can be decided from prompt and options alone:

- T: M. Tarrant, A. Knierim, S. K. Hayes, J. Ware (2006). The frequency of item writing flaws in
  multiple-choice questions used in high stakes nursing assessments. Nurse Education Today 26(8),
  662-671. It counts 19 flaws; those that need knowledge of the subject (several right answers,
  implausible distractors, logical cues, unclear information) are left out.
- H: T. M. Haladyna, S. M. Downing, M. C. Rodriguez (2002). A review of multiple-choice
  item-writing guidelines for classroom assessment. Applied Measurement in Education 15(3),
  309-334.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from llmexam.errors import plural
from llmexam.exam.audit.finding import Finding, Rows
from llmexam.exam.audit.flaws import cues, options, stems
from llmexam.exam.audit.flaws.reading import Reading
from llmexam.exam.audit.flaws.rule import Flaw, Rule, Severity
from llmexam.exam.question import Question

RULES: tuple[Rule, ...] = (
    Rule(
        "negative-stem",
        "warning",
        "Ask positively; if an exception is asked for, emphasise NOT or EXCEPT.",
        "T, H",
        stems.negative_stem,
    ),
    Rule(
        "true-false-stem",
        "note",
        "Ask about one thing, not which of several statements is true.",
        "T",
        stems.true_false_stem,
    ),
    Rule(
        "unfocused-stem",
        "warning",
        "State the problem in the prompt, so that it can be answered without the options.",
        "T, H",
        stems.unfocused_stem,
    ),
    Rule(
        "window-dressing",
        "note",
        f"Leave out what the question does not need: at most {stems.MAX_STEM_WORDS} words.",
        "T, H",
        stems.window_dressing,
    ),
    Rule(
        "inner-blank",
        "note",
        "Put a blank at the end of the prompt.",
        "T",
        stems.inner_blank,
    ),
    Rule(
        "all-of-the-above",
        "warning",
        "Do not use 'all of the above'.",
        "T, H",
        options.all_of_the_above,
    ),
    Rule(
        "none-of-the-above",
        "note",
        "Use 'none of the above' with care.",
        "T, H",
        options.none_of_the_above,
    ),
    Rule(
        "k-type",
        "warning",
        "Do not combine options ('A and C').",
        "T, H",
        options.k_type,
    ),
    Rule(
        "vague-terms",
        "note",
        "Do not use terms of vague frequency ('often') in options.",
        "T",
        options.vague_terms,
    ),
    Rule(
        "equal-options",
        "warning",
        "Options must differ.",
        "H",
        options.equal_options,
    ),
    Rule(
        "nested-options",
        "note",
        "Options must not overlap.",
        "H",
        options.nested_options,
    ),
    Rule(
        "lost-sequence",
        "note",
        "Put quantities in numerical order.",
        "T, H",
        options.lost_sequence,
    ),
    Rule(
        "repeated-start",
        "note",
        "Move words that all options begin with into the prompt.",
        "T, H",
        options.repeated_start,
    ),
    Rule(
        "mixed-kinds",
        "note",
        "Keep options homogeneous: all numbers or none.",
        "H",
        options.mixed_kinds,
    ),
    Rule(
        "longest-key",
        "warning",
        "Keep options of about equal length; the right one must not be much longer.",
        "T, H",
        cues.longest_key,
    ),
    Rule(
        "absolute-terms",
        "warning",
        "Do not use absolute terms ('always') in wrong options only.",
        "T, H",
        cues.absolute_terms,
    ),
    Rule(
        "negative-options",
        "note",
        "Phrase options positively; do not negate wrong options only.",
        "H",
        cues.negative_options,
    ),
    Rule(
        "clang",
        "note",
        "Do not repeat words of the prompt in the right option only.",
        "T, H",
        cues.clang,
    ),
    Rule(
        "convergence",
        "note",
        "The right option must not combine what the other options share.",
        "T",
        cues.convergence,
    ),
    Rule(
        "grammatical-cue",
        "warning",
        "All options must fit the grammar of the prompt.",
        "T, H",
        cues.grammatical_cue,
    ),
    Rule(
        "odd-form",
        "note",
        "The right option must not differ in form from all others.",
        "H",
        cues.odd_form,
    ),
)
"""The rules, in the order of prompts, options and cues."""


@dataclass(frozen=True, slots=True)
class FlawCount:
    """How many questions of an exam break one rule.

    Attributes:
        rule: Id of the rule.
        severity: Its severity.
        description: What it asks for.
        n_questions: Number of questions that break it.
        share: Their share of all questions, 0 to 1.
        ids: Ids of the first of them.
    """

    rule: str
    severity: Severity
    description: str
    n_questions: int
    share: float
    ids: tuple[str, ...]


def find_flaws(question: Question) -> list[Flaw]:
    """Return the rules of item writing that a question breaks, in the order of `RULES`.

    Rules on cues are skipped for a question without an answer.
    """
    reading = Reading(question)
    found = ((rule, rule.judge(reading)) for rule in RULES)
    return [Flaw(rule.id, rule.severity, message) for rule, message in found if message]


def flaw_table(questions: Iterable[Question], *, n_ids: int = 5) -> tuple[FlawCount, ...]:
    """Return one entry per rule, in the order of `RULES`, those that nothing breaks included.

    Args:
        questions: The questions, read once.
        n_ids: How many ids to keep per rule.
    """
    ids: dict[str, list[str]] = {rule.id: [] for rule in RULES}
    counts = dict.fromkeys(ids, 0)
    n_all = 0
    for question in questions:
        n_all += 1
        for flaw in find_flaws(question):
            counts[flaw.rule] += 1
            if len(ids[flaw.rule]) < n_ids:
                ids[flaw.rule].append(question.id)
    return tuple(
        FlawCount(
            rule.id,
            rule.severity,
            rule.description,
            counts[rule.id],
            counts[rule.id] / max(n_all, 1),
            tuple(ids[rule.id]),
        )
        for rule in RULES
    )


def check_flaws(rows: Rows) -> Iterator[Finding]:
    """Yield a finding for each rule that questions break."""
    found: dict[str, list[tuple[int, str]]] = {}
    for row, question in rows:
        for flaw in find_flaws(question):
            found.setdefault(flaw.rule, []).append((row, flaw.message))
    for rule in RULES:
        if rule.id in found:
            places = found[rule.id]
            row, message = places[0]
            yield Finding(
                f"flaw: {rule.id}",
                rule.severity,
                f"{plural(len(places), 'question')} ({len(places) / len(rows):.1%}); "
                f"row {row}: {message}. {rule.description}",
                tuple(row for row, _ in places),
            )
