"""Facets of prompts, with a bank of angles on a circle and with the bundled bank."""

from dataclasses import replace

import pytest
from tests.recovery.circle import CircleEmbedder

from llmexam.errors import ExamError
from llmexam.recovery.bank import read_facets
from llmexam.recovery.embeddings import TextVectors, text_vectors
from llmexam.recovery.facets import FacetLabels, facet_labels
from llmexam.recovery.metrics.facets import FacetMatch

BANK = {
    "0": {"tone": "warm", "form": "poem"},
    "90": {"tone": "cold", "form": ""},
    "180": {"tone": "", "form": "list"},
}


@pytest.fixture
def labels():
    return FacetLabels(BANK, TextVectors(CircleEmbedder()), threshold=0.9)


def on_circle(rewrites, angles):
    rows = tuple(replace(row, prompt=a) for row, a in zip(rewrites, angles, strict=True))
    return replace(rewrites, rows=rows)


def test_prompts_are_labelled_as_the_nearest_one(labels):
    # 30 degrees have a cosine of 0.87, below the threshold.
    prompts = ["0", "20", "30", "100", "180"]
    assert labels.of(prompts, "tone") == ["warm", "warm", "", "cold", ""]
    assert labels.of(prompts, "form") == ["poem", "poem", "", "", "list"]


def test_equal_words_need_no_embedding(labels):
    labels.of(["180.", " 0"], "tone")
    assert labels._vectors.embedder.n_texts == 0


def test_only_rows_with_a_label_count(labels, rewrites):
    exam = on_circle(rewrites, ["0", "10", "90", "180", "45", "350"])
    metric = FacetMatch(labels, "tone")
    rows = metric.known_rows(exam)
    assert rows == [0, 1, 2, 5]
    known = exam.subset(rows)
    assert metric.values(known, ["5", "90", "85", "180"]).tolist() == [1, 0, 1, 0]
    # Three of four are warm: a warm row has two others of three, the cold one none.
    assert metric.chance(known).tolist() == pytest.approx([2 / 3, 2 / 3, 0, 2 / 3])
    assert metric.most_frequent(known) == 0.75
    assert metric.n_labels(known) == 2
    assert FacetMatch(labels, "form").known_rows(on_circle(rewrites, ["45"] * 6)) == []


def test_the_bundled_bank_labels_tone_form_and_audience():
    labels = facet_labels("bundled", text_vectors("bundled"), 0.6)
    assert labels.facets == ("tone", "form", "audience")
    prompts = ["Turn this into a formal email.", "Explain it to a child of five.", "Stone soup 7"]
    assert labels.of(prompts, "tone") == ["formal", "", ""]
    assert labels.of(prompts, "form") == ["email", "", ""]
    assert labels.of(prompts, "audience") == ["", "children", ""]
    assert facet_labels("bundled", text_vectors("bundled"), 0.6) is labels


def test_the_first_label_of_a_prompt_counts(tmp_path):
    path = tmp_path / "bank.csv"
    path.write_text("rewrite_prompt,tone,source\nA,,x\n,warm,x\nA,warm,x\nA,cold,y\nB,,\n")
    assert read_facets(path) == {"A": {"tone": "warm"}, "B": {"tone": ""}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompt,tone\nA,warm\n", "column 'rewrite_prompt' is missing"),
        ("id,rewrite_prompt,source\n1,A,x\n", "no column of labels"),
        ("rewrite_prompt,tone\nA,\n", "no prompt of the bank has a label; columns: tone"),
        ("rewrite_prompt,tone\nA,warm,more\n", "row 1"),
    ],
)
def test_banks_without_labels_are_told(tmp_path, text, message):
    path = tmp_path / "bank.csv"
    path.write_text(text)
    with pytest.raises(ExamError, match=message):
        read_facets(path)


def test_a_bank_that_has_changed_is_read_again(tmp_path):
    vectors = TextVectors(CircleEmbedder())
    bank = tmp_path / "bank.csv"
    for tone in ("sad", "glad"):
        bank.write_text(f"rewrite_prompt,tone\n0,{tone}\n")
        assert facet_labels(str(bank), vectors, 0.9).of(["0"], "tone") == [tone]
