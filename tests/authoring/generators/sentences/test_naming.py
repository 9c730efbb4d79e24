import pytest

from llmexam.authoring.generators.sentences.naming import Gloss, find_glosses, find_name


@pytest.mark.parametrize(
    ("text", "term", "article", "plural"),
    [
        ("The outer layer of marsh wool is called the wax coat.", "wax coat", "the", False),
        ("Walkers wear long coats known as bogcloaks in winter.", "bogcloaks", "", True),
        ("Sheep have glands called lanolin sacs, which make wax.", "lanolin sacs", "", True),
        ("Wool is woven on frames called lateral flow looms.", "lateral flow looms", "", True),
    ],
)
def test_a_name_is_found_with_its_article(text, term, article, plural):
    name = find_name(text)
    assert name is not None
    assert text[name.start : name.end] == name.term == term
    assert (name.article, name.plural) == (article, plural)


@pytest.mark.parametrize(
    "text",
    [
        "The outer layer, also called the wax coat, is thin.",
        "One layer is called the coat, and one is called the core.",
        "Walkers wear coats called bogcloaks or marsh mantles.",
        "Walkers wear coats of wet wool in winter.",
    ],
)
def test_second_names_and_synonyms_are_left_out(text):
    assert find_name(text) is None


@pytest.mark.parametrize(
    ("text", "glosses"),
    [
        (
            "Old coats cause barrowitis, an inflammation of the marsh glands.",
            [Gloss("barrowitis", "an inflammation of the marsh glands")],
        ),
        (
            "Coats are rubbed with lanolin (a soft wax that sheep make in glands).",
            [Gloss("lanolin", "a soft wax that sheep make in glands")],
        ),
        # After an opening phrase the comma starts the main clause.
        ("In cold weather, a coat of wet wool cools the legs.", []),
        # The process is evaporation.
        ("Coats dry by loss of water, an effect of dry air on wool.", []),
    ],
)
def test_glosses(text, glosses):
    assert list(find_glosses(text)) == glosses
