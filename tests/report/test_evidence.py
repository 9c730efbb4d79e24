from hypothesis import given
from hypothesis import strategies as st

from llmexam.exam.question import Passage, Question
from llmexam.report.evidence import MOST_SNIPPETS, marked, snippets
from llmexam.solvers.protocol import Explanation, OptionReason, Support


def ask(passages, n_options=3, answer=0):
    return Question("q", "?", tuple("abcdefghij"[:n_options]), answer, tuple(passages))


def explain(*supports):
    return Explanation("q", tuple(OptionReason("", tuple(s)) for s in supports))


def sentence_of(snippet):
    return "".join(s.text for s in snippet.segments if s.kind != "around")


def test_the_marked_span_is_the_supporting_sentence(content):
    found = snippets(content.exam[0], content.solvers[0].explanations[0])
    assert [sentence_of(s) for s in found] == [
        "Red light bends least of all colours.",
        "Violet light bends most.",
    ]
    assert [s.letters for s in found] == [("A",), ("C",)]
    assert [s.for_answer for s in found] == [True, False]
    terms = [s.text for s in found[0].segments if s.kind == "term"]
    assert terms == ["Red", "bends"]
    assert found[0].source == "Optics"


def test_context_around_is_cut_at_words():
    text = "alpha " * 100 + "Here it is. " + "omega " * 100
    start = text.index("Here")
    found = snippets(ask([Passage(text)]), explain([Support(0, start, start + 11, 1.0)]))
    before, sentence, after = (s.text for s in found[0].segments)
    assert sentence == "Here it is."
    assert before.startswith("…alpha")
    assert after.endswith("omega…")
    assert len(before) + len(after) < 300
    assert found[0].source == "Passage 1"


def test_one_sentence_for_several_options_is_shown_once():
    found = snippets(
        ask([Passage("One. Two.")], answer=1),
        explain([Support(0, 0, 4, 1.0)], [Support(0, 0, 4, 3.0)], [Support(0, 5, 9, 2.0)]),
    )
    assert [(sentence_of(s), s.letters) for s in found] == [("One.", ("B", "A")), ("Two.", ("C",))]
    assert found[0].for_answer


def test_every_option_has_its_best_sentence_before_second_ones():
    text = "".join(f"S{i:02d}." for i in range(40))

    def at(i, weight):
        return Support(0, 4 * i, 4 * i + 4, weight)

    strong = [at(i, 9.0 - i / 10) for i in range(10)]
    found = snippets(ask([Passage(text)]), explain(strong, [at(20, 0.2)], [at(21, 0.1)]))
    letters = [s.letters[0] for s in found]
    assert {"A", "B", "C"} <= set(letters)
    assert len(found) <= MOST_SNIPPETS


def test_spans_that_do_not_fit_are_left_out():
    bad = [Support(5, 0, 3, 1.0), Support(0, 3, 2, 1.0), Support(0, 0, 99, 1.0)]
    bad += [Support(-1, 0, 1, 1.0), Support(1, 0, 1, 1.0)]
    assert snippets(ask([Passage("short"), Passage("")]), explain(*([b] for b in bad))) == ()


def test_very_long_sentences_are_cut():
    found = snippets(ask([Passage("x" * 50_000)]), explain([Support(0, 0, 50_000, 1.0, ("x",))]))
    assert len(sentence_of(found[0])) <= 600


def test_terms_match_whole_words_whatever_their_case():
    pieces = [(s.text, s.kind) for s in marked("Red-hot redder RED", ["red"])]
    assert pieces == [("Red", "term"), ("-hot redder ", "sentence"), ("RED", "term")]


def test_terms_may_hold_special_characters():
    assert [s.text for s in marked("a c++ b", ["c++", " "]) if s.kind == "term"] == ["c++"]


@given(st.text(max_size=80), st.lists(st.text(max_size=6), max_size=5))
def test_marking_loses_nothing(sentence, terms):
    assert "".join(s.text for s in marked(sentence, terms)) == sentence
