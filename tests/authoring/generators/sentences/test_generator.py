import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.authoring.generators.protocol import STYLES, Request
from llmexam.authoring.generators.sentences import SentenceGenerator
from llmexam.authoring.generators.sentences.styles.terms import has_tell
from llmexam.authoring.item import Source
from llmexam.errors import LlmExamError
from llmexam.exam.question import Passage


def written(generator, sources, **values):
    return list(generator.write(sources, Request(**values)))


def test_a_term_is_asked_with_terms_of_one_sort(generator, sources):
    ((item,),) = [
        one.items for one in written(generator, sources[3:4], styles=("definition",), n_options=4)
    ]
    assert item.question.prompt == (
        "Which term refers to an inflammation of the gill plates that weakens trout in shallow "
        "mountain lakes?"
    )
    options = item.question.options
    assert options[item.question.answer] == "Tarnitis"
    # Devices such as the brimmeter are explained as well, and are no diseases.
    assert set(options) < {
        "Tarnitis",
        "Barrowitis",
        "Lindenitis",
        "Corvitis",
        "Ferritis",
        "Velnitis",
    }
    assert item.quote == sources[3].passage.text.partition(". ")[0] + "."
    others = [note for note in item.distractor_notes if note]
    assert len(others) == 3
    assert all(note.startswith("term for something else in passage p") for note in others)
    assert (item.style, item.cluster, item.generator) == ("definition", "c1", "sentences")


def test_a_question_that_shares_a_root_with_its_answer_is_left_out():
    assert has_tell("hemagglutination", "Agglutination of cells is called")
    assert has_tell("mutagens", "a substance that causes mutagenesis")
    assert has_tell("ion", "an ion of salt")
    assert has_tell("cations", "positive ions")
    assert not has_tell("granite", "a rock of the crust")
    assert not has_tell("rock", "a process of form")


def test_a_number_is_asked_word_by_word(generator, sources):
    (one,) = written(generator, sources[6:7], styles=("number",), n_options=4)
    (item,) = one.items
    assert item.question.prompt == "How long is the brimmeter of the north station?"
    assert item.question.options[item.question.answer] == "12 meters"
    assert all(option.endswith(" meters") for option in item.question.options)
    assert item.quote == "The brimmeter of the north station is 12 meters long."
    assert set(item.distractor_notes) == {"", "number exchanged for 12"}


def test_a_shortfall_has_reasons(generator):
    source = Source(Passage("It is cold. See Figure 3 for the cold.", id="x"), "c")
    (one,) = written(generator, [source])
    assert one.items == ()
    assert one.reasons == {
        "sentence too short or too long": 2,
        "passage has no more facts that the rules know": 1,
    }


def test_writing_needs_a_corpus(sources):
    with pytest.raises(LlmExamError, match="expected a prepared generator"):
        next(SentenceGenerator().write(sources, Request()))


def test_results_do_not_depend_on_the_batch(generator, sources):
    together = written(generator, sources, per_passage=3, n_options=4)
    alone = [
        one
        for source in sources
        for one in written(generator, [source], per_passage=3, n_options=4)
    ]
    assert together == alone
    assert [one.source for one in together] == sources


def test_the_order_of_the_corpus_does_not_matter(generator, sources):
    other = SentenceGenerator()
    other.prepare(iter(reversed(sources)))
    expected = written(generator, sources, styles=("number", "definition"), n_options=3)
    found = written(other, sources, styles=("number", "definition"), n_options=3)
    assert found == expected


def test_sources_are_read_as_they_are_needed(generator, sources):
    endless = itertools.cycle(sources)
    assert len(list(itertools.islice(generator.write(endless, Request()), 30))) == 30


def test_an_empty_corpus_gives_no_question(sources):
    empty = SentenceGenerator()
    empty.prepare([])
    assert all(one.items == () or one.items[0].style == "number" for one in written(empty, sources))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 5),
    n_options=st.integers(3, 6),
    per_passage=st.integers(1, 4),
    styles=st.permutations(STYLES).map(tuple),
)
def test_every_question_has_a_quote_one_answer_and_different_options(
    generator, sources, seed, n_options, per_passage, styles
):
    for one in written(
        generator, sources, seed=seed, n_options=n_options, per_passage=per_passage, styles=styles
    ):
        assert len(one.items) <= per_passage
        assert len(one.items) == per_passage or sum(one.reasons.values())
        for item in one.items:
            question = item.question
            assert item.quote in one.source.passage.text
            assert len(set(question.options)) == len(question.options) == n_options
            assert item.distractor_notes.count("") == 1
            assert item.distractor_notes[question.answer] == ""
            assert 0 <= item.difficulty <= 1


STATEMENTS = [
    "Marsh wool is heavier than mountain cotton spun by shepherds.",
    "Bog cotton usually covers mountain slopes above the shepherds.",
    "Marsh moss is the heaviest plant that mountain shepherds harvest.",
    "Lichen crust increases the acidity of mountain wool in the marsh.",
    "Heather honey contains pollen and marsh salt that shepherds trade.",
    "Juniper resin is an important medicine for marsh sheep and shepherds.",
    "Sundew leaves usually trap mountain flies that bother marsh sheep.",
    "Gorse thickets rarely shelter mountain sheep from storms of the marsh.",
]


def test_false_statements_are_exchanged_sentences_of_other_passages(monkeypatch, sources):
    monkeypatch.setattr("llmexam.authoring.generators.sentences.falsehoods.N_PARTS", 1)
    own = [Source(Passage(text, id=f"s{n}"), f"s{n}") for n, text in enumerate(STATEMENTS)]
    made = SentenceGenerator()
    made.prepare([*own, *sources])
    items = [i for one in written(made, own, styles=("statement",), n_options=3) for i in one.items]
    assert items
    for item in items:
        answer = item.question.options[item.question.answer]
        assert answer in STATEMENTS
        assert item.question.prompt == "Which of the following statements is true?"
        wrong = [option for option in item.question.options if option != answer]
        assert not set(wrong) & set(STATEMENTS)
        notes = [note for note in item.distractor_notes if note]
        assert all("' for '" in note and " in passage s" in note for note in notes)
        # No word is put into two options: it would mark them as false.
        assert len({note.split("' for '")[0] for note in notes}) == len(notes)
