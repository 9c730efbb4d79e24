from dataclasses import replace

from llmexam.evaluation.results import Estimate
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.report.content import ReportContent, SolverResult
from llmexam.report.sections import score
from llmexam.report.sections.section import ReportData


def view_headline(content):
    return score.view_headline(ReportData(content))


def graded_as(content, score, **baselines):
    first, *others = content.final.evaluation.metrics
    estimate = Estimate(value=score, low=0.6, high=0.8)
    changed = first.model_copy(
        update={"estimate": estimate, "chance": None, "baselines": baselines}
    )
    evaluation = content.final.evaluation.model_copy(update={"metrics": (changed, *others)})
    return replace(content, final=replace(content.final, evaluation=evaluation))


def test_the_score_card_shows_score_interval_and_counts(content):
    head = view_headline(content)
    # Ranks 1, 1, 3, 3, 1, 1: (4 + 2/3) / 6.
    assert (head.metric, head.score, head.level) == ("MAP@3", "0.7778", "95 %")
    estimate = content.final.evaluation.primary.estimate
    assert head.interval == f"{estimate.low:.4f} to {estimate.high:.4f}"
    facts = {f.label: (f.value, f.detail) for f in head.facts}
    assert facts["Questions"] == ("6", "2 to 4 options")
    assert facts["Accuracy"][0] == "0.6667"
    assert facts["Accuracy@3"][0] == "1.0000"
    assert facts["Truncated"] == ("1", "had truncated context")


def test_the_reading_tells_baselines_below_inside_and_above(content):
    reading = view_headline(graded_as(content, 0.7, random=0.5, first=0.6, longest=0.9)).reading
    assert reading[0] == "The whole interval is above the baseline random."
    assert reading[1].startswith("The baseline first lies inside the interval")
    assert reading[2] == "The baseline longest scores higher than the whole interval."
    assert "a power of 80%" in reading[3]


def test_the_reading_speaks_in_the_plural(content):
    reading = view_headline(graded_as(content, 0.7, random=0.9, first=0.95)).reading
    assert reading[0] == "The baselines random and first score higher than the whole interval."


def test_an_exam_without_answers_shows_rankings_only(unlabelled):
    head = view_headline(unlabelled)
    assert (head.score, head.interval, head.bar) == ("", "", "")
    assert "no answers" in head.reading[0]
    assert [f.label for f in head.facts] == ["Questions", "Truncated"]


def test_an_empty_exam_says_so():
    final = SolverResult("x", ScoreMatrix.from_rows([], []))
    head = view_headline(ReportContent("t", Exam(()), final, ()))
    assert head.reading == ("This exam has no questions.",)
    assert head.facts[0].value == "0"
