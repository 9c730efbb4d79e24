"""Each rule on a question that breaks it, and on one that does not."""

import pytest

from llmexam.exam.audit.flaws import RULES, find_flaws, flaw_table
from llmexam.exam.audit.flaws.table import check_flaws
from llmexam.exam.question import Question

COLOURS = ("green", "red", "blue", "white")


def ask(prompt="Which colour has a ripe tomato?", options=COLOURS, answer=1):
    return Question("q", prompt, tuple(options), answer)


# Rule, a question that breaks it, and one that is close to it and does not.
CASES = {
    "negative-stem": (
        ask("Which of these colours is not found in a rainbow?"),
        ask("Which disease afflicts children who do not get enough calcium?"),
    ),
    "true-false-stem": (
        ask("Which of the following statements about tomatoes is true?"),
        ask("Which of the following colours has a ripe tomato?"),
    ),
    "unfocused-stem": (
        ask("Tomatoes have been grown for a long time."),
        ask("Tomatoes are grown for a long time. A ripe tomato is"),
    ),
    "window-dressing": (
        ask("A tomato " + "of our garden " * 25 + "is ripe. Which colour has it?"),
        ask("A tomato of our garden is ripe. Which colour has it?"),
    ),
    "inner-blank": (
        ask("The colour ____ is typical of ripe tomatoes."),
        ask("A ripe tomato has the colour ____."),
    ),
    "all-of-the-above": (
        ask(options=("green", "red", "blue", "All of the above")),
        ask(options=("green", "red", "blue", "all of it at once in summer")),
    ),
    "none-of-the-above": (
        ask(options=("green", "red", "blue", "None of the above")),
        ask(options=("green", "red", "blue", "no colour")),
    ),
    "k-type": (
        ask(options=("green", "red", "I and II only", "white")),
        ask("Which chromosomes has a man?", ("x and y", "x and x", "y and y", "5 or 6"), 0),
    ),
    "vague-terms": (
        ask(options=("often green", "red", "blue", "white")),
        ask("What is usually the colour of a ripe tomato?"),
    ),
    "equal-options": (
        ask(options=("green", "red", "Green", "white")),
        ask(options=("x + y", "x - y", "x * y", "x / y")),
    ),
    "nested-options": (
        ask(options=("green", "dark green", "red", "white"), answer=2),
        ask(options=("green", "evergreen", "red", "white"), answer=2),
    ),
    "lost-sequence": (
        ask("How tall is it?", ("5 m", "2 m", "9 m", "1 m")),
        ask("How tall is it?", ("9 m", "5 m", "2 m", "1 m")),
    ),
    "repeated-start": (
        ask(options=("It has the colour green", "It has the colour red", "It has the colour blue")),
        ask(options=("It is green", "It is red", "It is blue")),
    ),
    "mixed-kinds": (
        ask("When was it built?", ("1987", "1991", "in antiquity", "2002")),
        ask("How many are there?", ("2", "1", "zero", "4")),
    ),
    "longest-key": (
        ask(options=("green", "red, because of its lycopene", "blue", "white")),
        ask(options=("green, because of chlorophyll", "red, because of its lycopene", "blue")),
    ),
    "absolute-terms": (
        ask(options=("always green", "red", "blue", "white")),
        ask(options=("always green", "always red", "blue", "white")),
    ),
    "negative-options": (
        ask(options=("It is not green", "It is red", "It is blue", "It is white")),
        ask(options=("It is not green", "It is not red", "It is blue", "It is white")),
    ),
    "clang": (
        ask(options=("apple green", "tomato red", "sky blue", "snow white")),
        ask(options=("tomato green", "tomato red", "sky blue", "snow white")),
    ),
    "convergence": (
        ask("Which gases?", ("helium argon", "helium neon", "neon xenon", "krypton radon"), 1),
        ask("Which gases?", ("helium argon", "helium argon", "neon xenon", "krypton radon"), 1),
    ),
    "grammatical-cue": (
        ask("A ripe tomato looks like an", ("apple", "pear", "car", "tree"), 0),
        ask("A ripe tomato looks like a", ("ball", "pear", "car", "unicorn"), 0),
    ),
    "odd-form": (
        ask(options=("green", "Red", "blue", "white")),
        ask(options=("green", "Red", "Blue", "white")),
    ),
}


def test_every_rule_has_a_case():
    assert set(CASES) == {rule.id for rule in RULES}


@pytest.mark.parametrize("rule", CASES)
def test_finds_a_flaw_and_passes_a_clean_question(rule):
    flawed, clean = CASES[rule]
    assert rule in {flaw.rule for flaw in find_flaws(flawed)}
    assert rule not in {flaw.rule for flaw in find_flaws(clean)}


def test_plain_question_is_clean():
    assert find_flaws(ask()) == []


def test_emphasised_negation_is_accepted():
    question = ask("Which of these colours is NOT found in a rainbow?")
    assert find_flaws(question) == []


def test_cues_need_an_answer():
    flawed, _ = CASES["longest-key"]
    assert find_flaws(Question("q", flawed.prompt, flawed.options)) == []


@pytest.mark.parametrize(
    ("prompt", "options"),
    [("He waited for an", ("hour", "university")), ("He saw a", ("university", "hour"))],
)
def test_articles_follow_the_sound(prompt, options):
    found = {flaw.rule for flaw in find_flaws(ask(prompt, options, 0))}
    assert "grammatical-cue" in found


def test_numbers_are_read_with_their_unit():
    question = ask("How many?", ("2 × 10^3 kg", "1,000 kg", "-5 kg"), 0)  # noqa: RUF001
    assert "lost-sequence" not in {flaw.rule for flaw in find_flaws(question)}


def test_table_counts_questions_and_keeps_the_rules_that_nothing_breaks():
    table = {one.rule: one for one in flaw_table([ask(), CASES["k-type"][0]])}
    assert (table["k-type"].n_questions, table["k-type"].share) == (1, 0.5)
    assert table["k-type"].ids == ("q",)
    assert table["clang"].n_questions == 0
    assert list(table) == [rule.id for rule in RULES]


def test_table_of_no_questions():
    assert all(one.share == 0 for one in flaw_table([]))


def test_findings_name_rows_and_severity():
    (finding,) = check_flaws([(1, ask()), (7, CASES["all-of-the-above"][0])])
    assert (finding.check, finding.severity, finding.rows) == (
        "flaw: all-of-the-above",
        "warning",
        (7,),
    )
    assert "50.0%" in finding.message


@pytest.mark.parametrize("options", [("", "  "), ("+", "-", "?"), ("None", "NA", "null", "nan")])
def test_odd_options_are_no_error(options):
    find_flaws(Question("q", "", options, 0))
    find_flaws(Question("q", "", options))
