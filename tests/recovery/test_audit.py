from dataclasses import replace

import pytest

from llmexam.recovery.audit import audit_rewrites, script_of
from llmexam.recovery.rewrites import Rewrite, RewriteExam


def audited(*rows, against=None):
    exam = RewriteExam(tuple(Rewrite(str(i), *row) for i, row in enumerate(rows)))
    return {finding.check: finding.rows for finding in audit_rewrites(exam, against=against)}


def test_each_fault_is_found_with_its_rows():
    long = "one two three four five six seven eight nine"
    found = audited(
        ("a text", "I'm sorry, but I cannot rewrite this.", "Shorten it."),
        ("same text", "Same text!", "Improve it."),
        ("b text", "Sure, here is the text: b", "Shorten it."),
        ("c text", f"and so {long} it goes", f"Add: {long}"),
        ("d text", "other words", "Shorten it lucrarea"),
        ("d text", "other words", "Do something else"),
        (
            "e text",
            "\u0441\u043b\u043e\u0432\u043e \u0434\u0440\u0443\u0433\u043e\u0435",
            "Translate it.",
        ),
    )
    assert found["refusals"] == (1,)
    assert found["unchanged texts"] == (2,)
    assert found["preambles"] == (3,)
    assert found["quoted answers"] == (4,)
    assert found["sticky tokens"] == (5,)
    assert found["ambiguous pairs"] == (6,)
    assert found["scripts"] == (7,)


def test_leaks_of_prompts_and_texts(rewrites):
    train = replace(rewrites.subset([0, 2]), source="train.csv")
    found = {f.check: f.rows for f in audit_rewrites(rewrites, against=train)}
    assert found["texts in training data"] == (1, 3)
    # Row 2 words the prompt of row 1 otherwise.
    assert found["prompts in training data"] == (1, 2, 3)


def test_clean_rows_have_no_findings(rewrites):
    assert audit_rewrites(rewrites) == ()


def test_the_sample_is_clean(sample):
    assert [f for f in audit_rewrites(sample) if f.severity != "note"] == []


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("", ""),
        ("123", ""),
        ("\u4f60\u597d", "Chinese characters"),
        ("\u0645\u0631\u062d\u0628\u0627", "Arabic"),
    ],
)
def test_scripts(text, script):
    assert script_of(text) == script


@pytest.mark.slow
def test_real_rows(shared_data):
    from llmexam.recovery.parsing import read_rewrites

    folder = shared_data / "prompt_recovery"
    exam = read_rewrites(folder / "triplets_more.csv")
    found = {f.check: f for f in audit_rewrites(exam)}
    assert len(found["preambles"].rows) > 1000
    assert len(found["refusals"].rows) > 5
