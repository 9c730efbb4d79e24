from dataclasses import replace

from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.report.content import SolverResult
from llmexam.report.grading import confident_mistakes, grade
from llmexam.report.questions import QuestionViews


def make_views(content, k=3):
    return QuestionViews(content, grade(content.exam, content.final), k)


def test_options_come_in_ranked_order_with_the_answer_marked(content):
    view = make_views(content).full(3)
    assert [o.letter for o in view.options] == ["C", "B", "A"]
    assert [o.rank for o in view.options] == [1, 2, 3]
    assert [o.is_answer for o in view.options] == [False, False, True]
    assert (view.verdict, view.outcome) == ("wrong", "Right option came 3rd")
    assert (view.row, view.id) == (4, "id-4")


def test_every_solver_has_its_rank_of_every_option(content):
    rows = {line.solver: line.ranks for line in make_views(content).full(1).ranks}
    assert rows == {"ensemble": (1, 2, 3), "lexical": (2, 1, 3), "letters": (1, 2, 3)}


def test_one_solver_needs_no_table_of_ranks(content):
    alone = replace(content, solvers=(content.final,))
    assert make_views(alone).full(0).ranks == ()


def test_evidence_comes_from_the_member_that_has_some(content):
    view = make_views(content).full(0)
    assert view.explainer == "lexical"
    assert [o.note for o in view.options][:2] == ["2 words in one sentence", "no sentence"]
    assert len(view.snippets) == 2


def test_without_explanations_there_is_no_evidence(content):
    bare = replace(content, solvers=(replace(content.solvers[0], explanations=()),))
    view = make_views(bare).full(0)
    assert (view.snippets, view.explainer, view.options[0].note) == ((), "", "")


def test_probabilities_are_shown_only_where_they_were_fitted(content, unlabelled):
    assert make_views(content).full(0).options[0].certainty.endswith(" %")
    plain = make_views(unlabelled).full(0)
    assert (plain.options[0].certainty, plain.options[0].bar) == ("", None)
    assert plain.verdict == "open"


def test_one_line_views(content):
    views = make_views(content, k=2)
    brief = views.brief(3, in_full=True)
    assert (brief.ranked, brief.answer_letter, brief.verdict) == ("C B", "A", "wrong")
    assert brief.detail.startswith("chose C at ")
    assert ", right is A at " in brief.detail
    assert views.brief(0, in_full=True).detail.startswith("chose A at ")


def test_one_line_views_without_probabilities_say_how_far_behind(content):
    ungraded = replace(content, final=replace(content.final, evaluation=None))
    detail = make_views(ungraded).brief(3, in_full=True).detail
    assert detail == "chose C, right is A, 4.0000 lower"


def test_texts_are_cut(hostile):
    view = make_views(hostile).full(0)
    assert all(len(o.text) <= 1500 for o in view.options)
    assert len(view.options) == 26


def test_questions_with_equal_scores_say_so(crowded):
    views = make_views(crowded)
    tied = [views.full(row) for row in range(26, 32)]
    assert all(view.tied for view in tied)
    outcomes = {view.outcome for view in tied}
    assert outcomes <= {
        "All options tied, counted as right",
        "All options tied, counted as 2nd",
        "All options tied, counted as 3rd",
    }
    assert {view.verdict for view in tied} == {"right", "wrong"}
    assert views.brief(26, in_full=True).detail.startswith("all options have the same score")
    assert tied[0].ranks[0].ranks == (1, 1, 1)
    assert not views.full(0).tied


def test_an_answer_that_ties_with_the_first_choice_says_so(content):
    outcomes = set()
    for answer in (0, 1):
        exam = Exam((replace(content.exam[0], answer=answer),))
        final = SolverResult("x", ScoreMatrix.from_rows(exam.ids, [[1.0, 1.0, 0.0]]))
        view = make_views(replace(content, exam=exam, final=final, solvers=(final,)))
        outcomes.add(view.full(0).outcome)
    assert outcomes == {"Right", "Right option tied for 1st, counted as 2nd"}


def test_equal_scores_are_no_confident_mistake(crowded):
    grades = grade(crowded.exam, crowded.final)
    assert not any(grades.tied[row] for row in confident_mistakes(grades, 32))
