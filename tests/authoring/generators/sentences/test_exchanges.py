import pytest

from llmexam.authoring.generators.sentences.exchanges import Exchange, find_exchanges


@pytest.mark.parametrize(
    ("text", "false", "kind"),
    [
        (
            "Marsh wool is heavier than mountain wool of the north.",
            "Marsh wool is lighter than mountain wool of the north.",
            "comparison",
        ),
        (
            "Most marsh walkers wear coats of wet wool in winter.",
            "Few marsh walkers wear coats of wet wool in winter.",
            "amount",
        ),
        (
            "Marsh wool is the heaviest wool of the north.",
            "Marsh wool is the lightest wool of the north.",
            "superlative",
        ),
        (
            "Wet wool increases the loss of heat from the legs of walkers.",
            "Wet wool decreases the loss of heat from the legs of walkers.",
            "direction",
        ),
        (
            "Marsh wool contains a thick layer of natural wax.",
            "Marsh wool lacks a thick layer of natural wax.",
            "relation",
        ),
        (
            "Marsh wax is an important product of the north.",
            "Marsh wax is an unimportant product of the north.",
            "property",
        ),
        (
            "Marsh wax is an insoluble product of the north.",
            "Marsh wax is a soluble product of the north.",
            "property",
        ),
        (
            "Marsh walkers usually wear coats of wool in winter.",
            "Marsh walkers rarely wear coats of wool in winter.",
            "amount",
        ),
        (
            "Marsh wax does not contain salt of the sea.",
            "Marsh wax contains salt of the sea.",
            "denial",
        ),
    ],
)
def test_one_exchange_makes_a_sentence_false(text, false, kind):
    exchange = find_exchanges(text)[0]
    assert exchange.apply(text) == false
    assert exchange.kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "Marsh wool may be heavier than mountain wool of the north.",  # so may be the opposite
        "Coats that are heavier than wool dry slowly and rapidly.",  # restricts the subject
        "Some coats are heavy in the villages of the north.",  # others are light
        "Marsh wool is either heavy or light in the villages.",
        "Wet wool increases the loss of heat when the wind increases.",  # two directions
        "Marsh wool is blue in the villages of the north.",
        "Marsh walkers rather than shepherds are heavier than others.",
    ],
)
def test_a_sentence_whose_opposite_can_be_true_is_left_alone(text):
    assert find_exchanges(text) == []


def test_the_note_tells_what_was_exchanged():
    text = "Wet wool increases the loss of heat from the legs of walkers."
    assert find_exchanges(text)[0].note(text) == "'decreases' for 'increases'"


def test_a_word_at_the_start_gets_a_capital():
    assert Exchange(0, 4, "few", "amount").apply("Most coats are blue.") == "Few coats are blue."
