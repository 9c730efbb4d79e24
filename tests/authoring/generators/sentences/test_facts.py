import pytest

from llmexam.authoring.generators.sentences.clauses import parse_clause
from llmexam.authoring.generators.sentences.facts import (
    Cause,
    Definition,
    Reason,
    find_cause,
    find_definition,
    find_reason,
    find_superlative,
)

LOWER = frozenset(["wet", "wool", "brimmeter", "inflammation", "gums", "swelling", "erosion"])


@pytest.mark.parametrize(
    ("text", "definition"),
    [
        (
            "A brimmeter is a device that measures the depth of snow.",
            Definition("brimmeter", False, "a device that measures the depth of snow", "device"),
        ),
        (
            "Inflammation of the gums that leads to bleeding is called gingivitis.",
            Definition(
                "gingivitis",
                False,
                "inflammation of the gums that leads to bleeding",
                "inflammation",
            ),
        ),
        (
            "Erosion refers to the removal of soil by wind, ice or water.",
            None,
        ),
        (
            "Erosion refers to the removal of soil by wind or water.",
            Definition("erosion", False, "the removal of soil by wind or water", "removal"),
        ),
        ("The result is a visible ring of salt in the tubes.", None),
        ("A brimmeter is the most common device of the north.", None),
        ("A brimmeter is an example of a device that melts snow.", None),
        ("The brimmeter is a device that measures the depth of snow.", None),
        ("This step is called erosion.", None),
    ],
)
def test_definitions(text, definition):
    assert find_definition(text, LOWER) == definition


def test_a_reason_and_its_fact():
    text = "Wet wool of marsh walkers cools quickly because water carries heat away from skin."
    assert find_reason(text, LOWER) == Reason(
        "wet wool of marsh walkers cools quickly", "water carries heat away from skin"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Wet wool of marsh walkers cools because it carries heat away from skin.",
        "Wet wool of marsh walkers cools quickly because of the heat of the water.",
        "Wet wool of marsh walkers cools mainly because water carries heat away from skin.",
    ],
)
def test_reasons_that_point_elsewhere_are_left_out(text):
    assert find_reason(text, LOWER) is None


def test_a_cause_in_both_voices():
    assert find_cause("Erosion causes the loss of fertile soil in dry valleys.", LOWER) == Cause(
        "erosion", "", False, "causes", "the loss of fertile soil in dry valleys"
    )
    passive = "Swelling of the leaf pores is caused by erosion."
    assert find_cause(passive, LOWER) == Cause(
        "erosion", "", False, "causes", "swelling of the leaf pores"
    )


def test_a_superlative():
    clause = parse_clause("Erosion is the largest threat to farms of the valley.", LOWER)
    assert clause is not None
    assert find_superlative(clause) == "the largest threat to farms of the valley"
    clause = parse_clause("Erosion is a threat to farms of the valley.", LOWER)
    assert clause is not None
    assert find_superlative(clause) is None


@pytest.mark.parametrize(
    "text",
    [
        "The gum is a part of the body.",  # which gum?
        "Gums is a part of the body.",  # does not agree
        "Quickly erosion is a threat to farms.",
        "The result is a visible ring.",
    ],
)
def test_subjects_that_are_no_terms(text):
    assert parse_clause(text, LOWER) is None


def test_a_subject_with_a_phrase_behind_it():
    clause = parse_clause("The erosion of fertile soil is a threat to farms.", LOWER)
    assert clause is not None
    assert (clause.term, clause.subject) == ("erosion", "the erosion of fertile soil")
    assert (clause.verb, clause.rest) == ("is", "a threat to farms.")
