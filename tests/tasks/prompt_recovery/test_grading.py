"""What is told beside the metrics of recovered prompts."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from tests.tiny_decoder import make_tokenizer, save_decoder

from llmexam.evaluation.results import Evaluation, RecoveryDiagnostics
from llmexam.recovery.parsing import read_rewrites
from llmexam.report.grade_tables import evaluation_summary
from llmexam.sample import REWRITES_PATH
from llmexam.tasks.prompt_recovery.diagnostics import diagnostics_of
from llmexam.tasks.prompt_recovery.grading import metrics_of, resampling_of
from llmexam.tasks.prompt_recovery.plan import RecoveryGradingPlan
from llmexam.workflows.recover import evaluate_prompts

GRADING = RecoveryGradingPlan(embedder="bundled", n_resamples=100)


def told(grading, exam, texts):
    return diagnostics_of(grading, exam, texts, resampling_of(exam, 100, 0))


@pytest.fixture(scope="module")
def exam():
    return read_rewrites(REWRITES_PATH).subset(range(8))


def test_truncated_texts_are_counted_by_kind(exam):
    long = tuple(
        replace(row, original=row.original + " and so on" * 300) if i < 2 else row
        for i, row in enumerate(exam)
    )
    texts = ["poem " * 300, *exam.prompts[1:]]
    found = told(GRADING, replace(exam, rows=long), texts)
    assert {one.kind: one.n_cut for one in found.truncation} == {
        "predictions": 1,
        "true prompts": 0,
        "original texts": 2,
        "rewritten texts": 0,
    }
    limit = found.truncation[0].max_tokens
    assert found.notes == (
        f"1 of 8 predictions is longer than the {limit} tokens that the embedder bundled reads.",
        f"2 of 8 original texts are longer than the {limit} tokens that the embedder bundled "
        "reads.",
    )


def test_both_embedders_are_counted(exam):
    grading = GRADING.model_copy(update={"second_embedder": "bundled"})
    assert len(told(grading, exam, exam.prompts).truncation) == 8


def test_grades_say_that_nothing_was_truncated_and_are_read_again(exam):
    evaluation = evaluate_prompts(
        exam, dict(zip(exam.ids, exam.prompts, strict=True)), grading=GRADING
    )
    read = Evaluation.model_validate_json(evaluation.model_dump_json())
    assert read == evaluation
    assert isinstance(read.diagnostics, RecoveryDiagnostics)
    console = Console(width=200, file=StringIO())
    console.print(*evaluation_summary(evaluation, noun="row"), sep="\n")
    note = "No text, prompt or prediction is longer than the models read (bundled: 256 tokens)."
    assert evaluation.diagnostics.notes == (note,)
    assert note in console.file.getvalue()


def test_the_gain_in_likelihood_is_shown_where_a_model_is_named(exam, tmp_path):
    folder = save_decoder(tmp_path / "tiny", make_tokenizer())
    grading = GRADING.model_copy(update={"likelihood_model": str(folder)})
    texts = dict(zip(exam.ids, exam.prompts, strict=True))
    metric = evaluate_prompts(exam, texts, grading=grading).metric("likelihood_gain")
    assert metric.estimate.low < metric.estimate.value < metric.estimate.high
    assert metric.baselines['"Improve the text to this."'] == 0
    assert set(metric.baselines) == {'"Improve the text to this."', "best constant of other folds"}
    models = {one.model for one in told(grading, exam, exam.prompts).truncation}
    assert models == {"bundled", str(folder)}
    without = [one.name for one in metrics_of(GRADING)]
    assert "likelihood_gain" not in without


def test_facets_are_recovered_by_the_true_prompts(exam):
    grading = GRADING.model_copy(update={"facet_bank": "bundled"})
    evaluation = evaluate_prompts(
        exam, dict(zip(exam.ids, exam.prompts, strict=True)), grading=grading
    )
    facets = evaluation.diagnostics.facets
    assert {one.label for one in facets} <= {"tone", "form", "audience"}
    for facet in facets:
        assert facet.estimate.value == 1
        assert facet.n <= len(exam)
        assert 0 < facet.baselines["most frequent label"] <= 1
        assert facet.baselines['"Improve the text to this."'] == 0
    assert Evaluation.model_validate_json(evaluation.model_dump_json()) == evaluation
    constant = told(grading, exam, ["Turn this into a diary entry."] * len(exam)).facets
    form = next(one for one in constant if one.label == "form")
    assert 0 < form.estimate.value < 1
    assert form.estimate.low < form.estimate.high
    assert told(GRADING, exam, exam.prompts).facets == ()
